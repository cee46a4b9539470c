#include <gtest/gtest.h>

#include "run_cli.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace mlguard::cli {
namespace {

// What bash would offer for the words, the last of them being typed.
std::string offered_by_bash(const std::string& script_path, const std::string& words) {
  const std::string driver =
      "source " + script_path + "; ml-guard() { return 1; }; COMP_WORDS=(" + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _ml_guard; echo \"${COMPREPLY[*]}\"";
  const auto result = support::run_command({{"/bin/bash", "-c", driver}, {}, {}, {}});
  return result.out + result.err;
}

class CompletionTest : public testing::Test {
 protected:
  CompletionTest() {
    const Outcome outcome = run_cli({"completion", "bash"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    support::write_text(script_, outcome.out);
  }
  support::TempDir folder_;
  std::string script_ = folder_ / "completion.bash";
};

TEST_F(CompletionTest, BashTakesTheScript) {
  const auto result = support::run_command({{"/bin/bash", "-n", script_}, {}, {}, {}});
  EXPECT_TRUE(result.exit.ok()) << result.err;
}

TEST_F(CompletionTest, BashOffersCommandsSubcommandsAndFlags) {
  EXPECT_EQ(offered_by_bash(script_, "ml-guard stat"), "status\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard config ro"), "rollback\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard config put --if"), "--if-version\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard rules add --action ''"), "drop allow\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard status --output j"), "json\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard status --endp"), "--endpoints\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard completion f"), "fish\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard leader t"), "transfer\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard member add --l"), "--learner\n");
  EXPECT_EQ(offered_by_bash(script_, "ml-guard members --consistency lo"), "local\n");
}

TEST_F(CompletionTest, ZshAndFishTakeTheirScripts) {
  for (const std::string shell : {"zsh", "fish"}) {
    const Outcome outcome = run_cli({"completion", shell});
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_NE(outcome.out.find("rollback"), std::string::npos);
    if (!support::run_shell("command -v " + shell).exit.ok()) continue;  // not on this machine
    support::write_text(folder_ / shell, outcome.out);
    const auto result = support::run_shell(shell + " -n " + (folder_ / shell));
    EXPECT_TRUE(result.exit.ok()) << result.err;
  }
}

TEST_F(CompletionTest, AnUnknownShellIsAUsageError) {
  EXPECT_EQ(run_cli({"completion", "csh"}).exit_code, 2);
}

}  // namespace
}  // namespace mlguard::cli
