#include "cli/help.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "base/clock.h"
#include "cli/app.h"
#include "cli/command.h"
#include "cli/context.h"
#include "cli/exit_code.h"
#include "run_cli.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace mlguard::cli {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class HelpTest : public testing::Test {
 protected:
  std::istringstream in_;
  std::ostringstream out_;
  Streams streams_{in_, out_, out_};
  Environment environment_;
  base::ManualClock clock_;
  Context context_{streams_, environment_, clock_};
  std::unique_ptr<CLI::App> root_ = make_app(context_);

  std::vector<const CLI::App*> leaves() const {
    std::vector<const CLI::App*> found;
    for (const CLI::App* app : visible_subcommands(*root_)) {
      const auto subcommands = visible_subcommands(*app);
      if (acts_alone(*app)) found.push_back(app);
      found.insert(found.end(), subcommands.begin(), subcommands.end());
    }
    return found;
  }
};

TEST_F(HelpTest, HelpFitsOneScreen) {
  const Outcome outcome = run_cli({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  const auto lines = lines_of(outcome.out);
  EXPECT_LE(lines.size(), kHelpLinesMax) << outcome.out;
  for (const std::string& line : lines) EXPECT_LE(line.size(), kHelpColumnsMax) << line;
}

TEST_F(HelpTest, HelpNamesEveryCommandAndShowsExamples) {
  const std::string help = run_cli({"--help"}).out;
  for (const std::string& name : command_names()) {
    EXPECT_NE(help.find(" " + name + " "), std::string::npos) << name;
  }
  EXPECT_NE(help.find("ml-guard config put sniffer"), std::string::npos);
}

TEST_F(HelpTest, EverySubcommandHasADescriptionAndAnExampleAndFits80Columns) {
  ASSERT_GT(leaves().size(), 25U);
  for (const CLI::App* app : leaves()) {
    const std::string path = command_path(*app);
    EXPECT_FALSE(app->get_description().empty()) << path;
    EXPECT_NE(app->get_footer().find("ml-guard " + path), std::string::npos)
        << path << " has no example of itself";
    for (const std::string& line : lines_of(command_help(*app))) {
      EXPECT_LE(display_width(line), kHelpColumnsMax) << path << ": " << line;
    }
    for (const CLI::Option* option : visible_options(*app)) {
      EXPECT_FALSE(option->get_description().empty()) << path << " " << option->get_name();
    }
    for (const CLI::Option* option : positionals(*app)) {
      EXPECT_FALSE(option->get_description().empty()) << path << " " << option->get_name();
    }
  }
}

TEST_F(HelpTest, HelpOfASubcommandIsShownInAllThreeWays) {
  const std::string by_flag = run_cli({"config", "set", "--help"}).out;
  EXPECT_NE(by_flag.find("ml-guard config set COMPONENT PATH VALUE"), std::string::npos) << by_flag;
  EXPECT_EQ(run_cli({"help", "config", "set"}).out, by_flag);
  EXPECT_EQ(run_cli({"config", "set", "-h"}).out, by_flag);
  EXPECT_EQ(run_cli({"help"}).out, run_cli({"--help"}).out);
}

TEST_F(HelpTest, ManPagesCoverEveryCommandAndTheExitCodes) {
  const auto pages = man_pages(*root_);
  EXPECT_EQ(pages.size(), commands().size() + 1);
  for (const ExitCodeMeaning& entry : exit_code_meanings()) {
    std::string meaning = entry.meaning;
    meaning = meaning.substr(0, meaning.find('-'));
    meaning = meaning.substr(0, meaning.find('\''));
    EXPECT_NE(pages[0].content.find(meaning), std::string::npos) << meaning;
  }
}

TEST_F(HelpTest, ManPagesAreCleanRoff) {
  const support::TempDir folder;
  if (!support::run_shell("command -v groff").exit.ok()) GTEST_SKIP() << "groff is not installed";
  const Outcome outcome = run_cli({"help", "--man", folder / "man"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  const auto checked =
      support::run_shell("for page in " + (folder / "man") +
                         "/*.1; do groff -man -Tutf8 -ww -z \"$page\" || exit 1; done");
  EXPECT_TRUE(checked.exit.ok());
  EXPECT_EQ(checked.err, "");
}

}  // namespace
}  // namespace mlguard::cli
