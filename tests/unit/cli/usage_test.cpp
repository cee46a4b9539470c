#include <gtest/gtest.h>

#include "run_cli.h"
#include "support/tcp.h"
#include "support/temp_dir.h"

namespace mlguard::cli {
namespace {

Environment environment_in(const support::TempDir& folder) {
  Environment environment;
  environment.variables["XDG_CONFIG_HOME"] = folder.path();
  environment.state_home = folder / "state";
  return environment;
}

TEST(UsageTest, ATypoIsAnsweredWithTheNearestCommand) {
  const Outcome outcome = run_cli({"statsu"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "error: there is no command 'statsu'\ntry: ml-guard status\n");
}

TEST(UsageTest, ATypoInASubcommandToo) {
  const Outcome outcome = run_cli({"--endpoints", "a:1", "config", "histroy", "sniffer"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.err,
            "error: there is no command 'histroy' of ml-guard config\n"
            "try: ml-guard config history\n");
}

TEST(UsageTest, ATypoInAFlagToo) {
  const Outcome outcome = run_cli({"rules", "add", "10.0.0.1", "--reson", "x"});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.err.find("error: ml-guard rules add has no flag '--reson'"), 0U) << outcome.err;
  EXPECT_NE(outcome.err.find("--reason"), std::string::npos) << outcome.err;
}

TEST(UsageTest, AMissingCommandOrArgumentIsNamed) {
  EXPECT_EQ(run_cli({}).exit_code, 2);
  const Outcome group = run_cli({"config"});
  EXPECT_EQ(group.exit_code, 2);
  EXPECT_NE(group.err.find("needs a command: get, set, put"), std::string::npos) << group.err;
  const Outcome argument = run_cli({"config", "put", "sniffer"});
  EXPECT_EQ(argument.exit_code, 2);
  EXPECT_NE(argument.err.find("FILE"), std::string::npos) << argument.err;
  EXPECT_NE(argument.err.find("try: ml-guard config put --help"), std::string::npos);
}

TEST(UsageTest, WithoutAServerItSaysSoAndHowToStartOne) {
  const support::TempDir folder;
  const std::string port = std::to_string(support::free_port());
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"status"}, {"rules", "list"}, {"config", "get", "health"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--endpoints", "localhost:" + port});
    const Outcome outcome = run_cli(arguments, environment_in(folder));
    EXPECT_EQ(outcome.exit_code, 3) << outcome.err;
    EXPECT_EQ(outcome.err.find("error: no etcd-server answers at localhost:" + port), 0U)
        << outcome.err;
    EXPECT_NE(outcome.err.find("try: etcd-server --port " + port), std::string::npos)
        << outcome.err;
  }
}

TEST(UsageTest, WithoutACredentialItSaysHowToEnroll) {
  const support::TempDir folder;
  const auto listener = support::listen_on(0);
  const std::string port = std::to_string(support::port_of(listener));
  const Outcome outcome =
      run_cli({"status", "--endpoints", "localhost:" + port}, environment_in(folder));
  EXPECT_EQ(outcome.exit_code, 4);
  EXPECT_NE(outcome.err.find("not enrolled"), std::string::npos) << outcome.err;
  EXPECT_NE(outcome.err.find("try: ml-guard enroll TOKEN"), std::string::npos) << outcome.err;
}

TEST(UsageTest, ValidateSaysWhereAFileIsWrongWithoutAServer) {
  const support::TempDir folder;
  support::write_text(folder / "good.json", "{\"a\": 1}\n");
  support::write_text(folder / "bad.json", "{\n  \"a\": 1,\n}\n");
  const Outcome good = run_cli({"config", "validate", folder / "good.json"});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_EQ(good.out, folder / "good.json" + " is valid JSON, 9 B\n");
  const Outcome bad = run_cli({"config", "validate", folder / "bad.json"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_NE(bad.err.find("line 3, column 1"), std::string::npos) << bad.err;
  EXPECT_EQ(run_cli({"config", "validate", folder / "none.json"}).exit_code, 2);
  EXPECT_EQ(run_cli({"config", "validate", "-"}, {}, "[]").exit_code, 0);
}

TEST(UsageTest, ArgumentsAreCheckedBeforeAnythingIsSent) {
  EXPECT_EQ(run_cli({"rules", "add", "10.0.0.1", "--ttl", "soon"}).exit_code, 2);
  EXPECT_EQ(run_cli({"rules", "add", "10.0.0.1", "--action", "maybe"}).exit_code, 2);
  EXPECT_EQ(run_cli({"token", "create", "--role", "king"}).exit_code, 2);
  EXPECT_EQ(run_cli({"bench", "delete"}).exit_code, 2);
  EXPECT_EQ(run_cli({"bench", "put", "--clients", "0"}).exit_code, 2);
  EXPECT_EQ(run_cli({"api", "FETCH", "/info"}).exit_code, 2);
  EXPECT_EQ(run_cli({"api", "GET", "info"}).exit_code, 2);
  EXPECT_EQ(run_cli({"config", "set", "sniffer", "a..b", "1"}).exit_code, 2);
  EXPECT_EQ(run_cli({"status", "-o", "yaml"}).exit_code, 2);
  EXPECT_EQ(run_cli({"status", "--timeout", "soon"}).exit_code, 2);
}

TEST(UsageTest, VersionIsShownWithoutAServer) {
  const Outcome flag = run_cli({"--version"});
  EXPECT_EQ(flag.exit_code, 0);
  EXPECT_EQ(flag.out.find("ml-guard 0."), 0U);
}

}  // namespace
}  // namespace mlguard::cli
