#include "cli/output.h"

#include <gtest/gtest.h>

#include "cli/progress.h"

namespace mlguard::cli {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;  // 2023-11-14T22:13:20Z

TEST(OutputTest, ColumnsAreAlignedAndNoLineEndsInSpaces) {
  Table table({text_column("NAME"), number_column("N"), text_column("X")});
  table.add_row({std::string("a"), std::string("10"), std::string("")});
  table.add_row({std::string("longer"), std::string("9"), std::string("x")});
  EXPECT_EQ(table.render(kNoColumnLimit, Color::off),
            "NAME     N  X\n"
            "a       10\n"
            "longer   9  x\n");
}

TEST(OutputTest, ShrinkingColumnsKeepTheTableOnTheTerminal) {
  Table table({text_column("ID"), shrinking_column("COMMENT")});
  table.add_row({std::string("1"), std::string(200, 'c')});
  const std::string text = table.render(40, Color::off);
  EXPECT_EQ(text, "ID  COMMENT\n1   " + std::string(34, 'c') + "..\n");
  EXPECT_NE(table.render(kNoColumnLimit, Color::off).find(std::string(200, 'c')),
            std::string::npos);
}

TEST(OutputTest, RowsThatComeLaterLineUpWithThoseBefore) {
  std::vector<std::size_t> widths;
  Table first({text_column("WHO"), text_column("X")});
  first.add_row({std::string("somebody"), std::string("1")});
  first.line_up(widths);
  Table second({text_column("WHO"), text_column("X")});
  second.add_row({std::string("me"), std::string("2")});
  second.line_up(widths);
  EXPECT_EQ(second.render_rows(kNoColumnLimit, Color::off), "me        2\n");
}

TEST(OutputTest, RawRowsHaveTabsNoHeaderAndNoAges) {
  Table table({text_column("NAME"), age_column("AGE"), text_column("X")});
  table.add_row({std::string("a"), std::string("3 s ago"), std::string("tab\there")});
  EXPECT_EQ(table.render_raw(), "a\ttab\\there\n");
}

TEST(OutputTest, ColoursOnlyAddToWords) {
  Table table({text_column("HEALTH")});
  table.add_row({{"dead", tone_of_word("dead")}});
  EXPECT_EQ(table.render(kNoColumnLimit, Color::off), "HEALTH\ndead\n");
  EXPECT_NE(table.render(kNoColumnLimit, Color::on).find("\x1b[31mdead\x1b[0m"), std::string::npos);
}

TEST(OutputTest, TextFromTheNetworkCannotSteerTheTerminal) {
  EXPECT_EQ(harmless("a\x1b[31mb\n"), "a\\x1b[31mb\\n");
  EXPECT_EQ(harmless("\xc2\x9b"
                     "31m"),
            "??31m");  // C1 control
  EXPECT_EQ(harmless("caf\xc3\xa9 \xff"), "caf\xc3\xa9 ?");
}

TEST(OutputTest, WideTextIsCountedByCharacters) { EXPECT_EQ(display_width("caf\xc3\xa9"), 4U); }

TEST(OutputTest, TimesAndAgesAreReadable) {
  EXPECT_EQ(parse_iso_ms("2023-11-14T22:13:20.250Z"), kNow + 250);
  EXPECT_EQ(parse_iso_ms("2023-11-14T22:13:20Z"), kNow);
  EXPECT_EQ(parse_iso_ms(""), 0);
  EXPECT_EQ(parse_iso_ms("yesterday"), 0);
  EXPECT_EQ(short_time("2023-11-14T22:13:20.250Z"), "2023-11-14T22:13:20Z");
  EXPECT_EQ(age(kNow - 3'000, kNow), "3 s ago");
  EXPECT_EQ(age(kNow + 7'200'000, kNow), "in 2 h");
  EXPECT_EQ(age(kNow + 20, kNow), "now");
  EXPECT_EQ(age(std::int64_t{0}, kNow), "never");
  EXPECT_EQ(age("", kNow), "never");
}

TEST(OutputTest, NumbersAreReadable) {
  EXPECT_EQ(human_bytes(37), "37 B");
  EXPECT_EQ(human_bytes(4096), "4.0 KiB");
  EXPECT_EQ(human_bytes(3 * 1024 * 1024 / 2), "1.5 MiB");
  EXPECT_EQ(grouped(7), "7");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(12'345'678), "12,345,678");
  EXPECT_EQ(plural(1, "rule", "rules"), "1 rule");
  EXPECT_EQ(plural(2, "rule", "rules"), "2 rules");
}

TEST(ProgressTest, TheBarFillsUp) {
  EXPECT_EQ(ProgressBar::line("put", 0, 2048),
            "put [                              ] 0%  0 B of 2.0 KiB");
  EXPECT_EQ(ProgressBar::line("put", 1024, 2048),
            "put [###############               ] 50%  1.0 KiB of 2.0 KiB");
  EXPECT_EQ(ProgressBar::line("put", 2048, 2048),
            "put [##############################] 100%  2.0 KiB of 2.0 KiB");
}

}  // namespace
}  // namespace mlguard::cli
