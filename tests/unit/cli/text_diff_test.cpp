#include "cli/text_diff.h"

#include <gtest/gtest.h>

#include "support/process.h"
#include "support/temp_dir.h"

namespace mlguard::cli {
namespace {

std::string numbered_lines(int from, int to) {
  std::string text;
  for (int i = from; i <= to; ++i) text += "line " + std::to_string(i) + "\n";
  return text;
}

TEST(TextDiffTest, EqualTextsHaveNoDifference) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n", "A", "B"), "");
}

TEST(TextDiffTest, AChangedLineIsShownWithItsContext) {
  EXPECT_EQ(unified_diff("a\nb\nc\nd\ne\n", "a\nb\nX\nd\ne\n", "old", "new"),
            "--- old\n+++ new\n@@ -1,5 +1,5 @@\n a\n b\n-c\n+X\n d\n e\n");
}

TEST(TextDiffTest, ChangesFarApartStandInHunksOfTheirOwn) {
  std::string after = numbered_lines(1, 30);
  after.replace(after.find("line 2\n"), 6, "LINE 2");
  after.replace(after.find("line 29\n"), 7, "LINE 29");
  const std::string diff = unified_diff(numbered_lines(1, 30), after, "a", "b");
  EXPECT_NE(diff.find("@@ -1,5 +1,5 @@"), std::string::npos) << diff;
  EXPECT_NE(diff.find("@@ -26,5 +26,5 @@"), std::string::npos) << diff;
}

TEST(TextDiffTest, AMissingLineBreakAtTheEndIsADifference) {
  EXPECT_EQ(unified_diff("{}", "{}\n", "a", "b"),
            "--- a\n+++ b\n@@ -1 +1 @@\n-{}\n\\ No newline at end of file\n+{}\n");
}

TEST(TextDiffTest, FromNothingToSomethingAndBack) {
  EXPECT_EQ(unified_diff("", "a\n", "x", "y"), "--- x\n+++ y\n@@ -0,0 +1 @@\n+a\n");
  EXPECT_EQ(unified_diff("a\n", "", "x", "y"), "--- x\n+++ y\n@@ -1 +0,0 @@\n-a\n");
}

TEST(TextDiffTest, TextsWithTooManyDifferencesAreReplacedWholeAndInTime) {
  const std::string before = numbered_lines(1, 20'000);
  const std::string after = numbered_lines(100'001, 120'000);
  const std::string diff = unified_diff(before, after, "a", "b");
  EXPECT_NE(diff.find("@@ -1,20000 +1,20000 @@"), std::string::npos);
}

// What patch(1) makes of our diff is the judge of many small random texts.
TEST(TextDiffTest, PatchTurnsTheOldTextIntoTheNewOne) {
  const support::TempDir folder;
  if (!support::run_shell("command -v patch").exit.ok()) {
    GTEST_SKIP() << "patch(1) is not installed";
  }
  unsigned state = 12345;
  const auto random = [&](unsigned below) {
    state = state * 1103515245U + 12345U;
    return (state >> 16U) % below;
  };
  for (int round = 0; round < 40; ++round) {
    std::string before;
    std::string after;
    for (int i = 0; i < 30; ++i) {
      const std::string line = "v" + std::to_string(random(6)) + "\n";
      const unsigned choice = random(10);
      if (choice != 0) before += line;
      if (choice != 1) after += choice == 2 ? "changed\n" : line;
    }
    support::write_text(folder / "text", before);
    support::write_text(folder / "diff", unified_diff(before, after, "text", "text"));
    if (before == after) continue;
    const auto patched = support::run_shell("cd " + folder.path() + " && patch -s text diff");
    ASSERT_TRUE(patched.exit.ok())
        << patched.out << patched.err << support::read_text(folder / "diff");
    ASSERT_EQ(support::read_text(folder / "text"), after);
  }
}

}  // namespace
}  // namespace mlguard::cli
