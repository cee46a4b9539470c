#include "cli/settings.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>

#include "cli/exit_code.h"
#include "support/temp_dir.h"

namespace mlguard::cli {
namespace {

class SettingsTest : public testing::Test {
 protected:
  SettingsTest() {
    environment_.variables["XDG_CONFIG_HOME"] = folder_.path();
    environment_.state_home = "/state";
    std::filesystem::create_directory(folder_ / "ml-guard");
  }
  void write_config(const std::string& text) {
    support::write_text(folder_ / "ml-guard/config.json", text);
  }
  base::Result<Settings> resolve() { return resolve_settings(flags_, environment_, streams_); }

  support::TempDir folder_;
  Environment environment_;
  GlobalFlags flags_;
  std::istringstream in_;
  std::ostringstream out_;
  Streams streams_{in_, out_, out_};
};

TEST_F(SettingsTest, WithNothingSaidTheLocalServerIsMeant) {
  const auto settings = resolve();
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->endpoints, std::vector<std::string>{"localhost:2379"});
  EXPECT_EQ(settings->credential_paths,
            (std::vector<std::string>{folder_ / "ml-guard/operator.key", "/state/operator.key"}));
  EXPECT_EQ(settings->output, OutputMode::table);
  EXPECT_EQ(settings->timeout.count(), 10'000);
}

TEST_F(SettingsTest, FlagGoesBeforeVariableBeforeFile) {
  write_config(R"({"endpoints": ["file:1", "file:2"], "credentials": "/file", "output": "json"})");
  EXPECT_EQ(resolve()->endpoints, (std::vector<std::string>{"file:1", "file:2"}));
  EXPECT_EQ(resolve()->credential_paths, std::vector<std::string>{"/file"});
  EXPECT_EQ(resolve()->output, OutputMode::json);

  environment_.variables["MLGUARD_ENDPOINTS"] = "env:1, env:2";
  environment_.variables["MLGUARD_CREDENTIALS"] = "/env";
  EXPECT_EQ(resolve()->endpoints, (std::vector<std::string>{"env:1", "env:2"}));
  EXPECT_EQ(resolve()->credential_paths, std::vector<std::string>{"/env"});

  flags_.endpoints = "flag:1";
  flags_.credentials = "/flag";
  flags_.output = "raw";
  EXPECT_EQ(resolve()->endpoints, std::vector<std::string>{"flag:1"});
  EXPECT_EQ(resolve()->credential_paths, std::vector<std::string>{"/flag"});
  EXPECT_EQ(resolve()->output, OutputMode::raw);
}

TEST_F(SettingsTest, ABadConfigFileIsNamed) {
  for (const char* text : {"{", "[]", R"({"endpoints": "a"})", R"({"endpoint": ["a"]})"}) {
    write_config(text);
    const auto settings = resolve();
    ASSERT_FALSE(settings.ok()) << text;
    EXPECT_EQ(exit_code_of(settings.error()), ExitCode::usage);
    EXPECT_NE(settings.error().message.find("config.json"), std::string::npos);
  }
}

TEST_F(SettingsTest, BadFlagsAreRefused) {
  flags_.timeout = "soon";
  EXPECT_FALSE(resolve().ok());
  flags_.timeout = "0s";
  EXPECT_FALSE(resolve().ok());
  flags_.timeout = "2m";
  EXPECT_EQ(resolve()->timeout.count(), 120'000);
  flags_.output = "yaml";
  EXPECT_FALSE(resolve().ok());
  flags_.output.reset();
  flags_.endpoints = " , ";
  EXPECT_FALSE(resolve().ok());
}

TEST_F(SettingsTest, ReadsAndWritesAreAsSafeAsTheyCanBeUnlessSaidOtherwise) {
  EXPECT_EQ(resolve()->consistency, etcd_client::Consistency::linearizable);
  EXPECT_EQ(resolve()->ack, etcd_client::Ack::quorum);
  flags_.consistency = "local";
  flags_.ack = "leader";
  EXPECT_EQ(resolve()->consistency, etcd_client::Consistency::local);
  EXPECT_EQ(resolve()->ack, etcd_client::Ack::leader);
  flags_.ack = "nobody";
  EXPECT_FALSE(resolve().ok());
  flags_.ack.reset();
  flags_.consistency = "eventual";
  EXPECT_FALSE(resolve().ok());
}

TEST_F(SettingsTest, ColoursAreForTerminalsOnly) {
  EXPECT_EQ(resolve()->out_color, Color::off);
  streams_.out_is_terminal = true;
  EXPECT_EQ(resolve()->out_color, Color::on);
  environment_.variables["NO_COLOR"] = "1";
  EXPECT_EQ(resolve()->out_color, Color::off);
  flags_.color = "always";
  EXPECT_EQ(resolve()->out_color, Color::on);
  flags_.color = "never";
  EXPECT_EQ(resolve()->out_color, Color::off);
  flags_.color = "sometimes";
  EXPECT_FALSE(resolve().ok());
}

}  // namespace
}  // namespace mlguard::cli
