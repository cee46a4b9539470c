#include "ml_detector/table_figures.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <string>
#include <vector>

#include "ml_detector/table_sources.h"
#include "ml_detector/table_trainer.h"
#include "support/temp_dir.h"

namespace mlguard::ml_detector {
namespace {

void quiet(const std::string&) {}

void append_scores(std::vector<Scored>& scores, int count, float score, bool positive) {
  scores.insert(scores.end(), static_cast<std::size_t>(count), Scored{score, positive, 1});
}

// Malicious flows at 0.9, benign ones at 0.015: every threshold between does as well.
TEST(ChooseThresholdTest, OfAPlateauThePointNearestToOneHalfIsTakenAndNotItsEdge) {
  std::vector<std::vector<Scored>> tables(3);
  for (std::vector<Scored>& table : tables) {
    append_scores(table, 100, 0.9F, true);
    append_scores(table, 100, 0.015F, false);
  }
  const ThresholdChoice choice = choose_threshold(tables);
  EXPECT_DOUBLE_EQ(choice.threshold, 0.5);
  EXPECT_DOUBLE_EQ(choice.f1, 1);
  EXPECT_DOUBLE_EQ(choice.standard_error, 0);
  EXPECT_DOUBLE_EQ(choice.least, 0.02);
  EXPECT_NEAR(choice.most, 0.9, 0.011);
}

TEST(ChooseThresholdTest, WhereOneHalfIsWorseTheNearestThatIsGoodEnoughIsTaken) {
  std::vector<std::vector<Scored>> tables(3);
  for (std::vector<Scored>& table : tables) {
    append_scores(table, 100, 0.95F, true);
    append_scores(table, 100, 0.755F, false);
  }
  const ThresholdChoice choice = choose_threshold(tables);
  EXPECT_NEAR(choice.threshold, 0.76, 1e-9);
  EXPECT_DOUBLE_EQ(choice.f1, 1);
}

// One table of three has as many false alarms as hits, at every threshold.
TEST(ChooseThresholdTest, TheStandardErrorIsThatOfTheJackknifeOverTables) {
  std::vector<std::vector<Scored>> tables(3);
  for (std::vector<Scored>& table : tables) append_scores(table, 100, 0.95F, true);
  append_scores(tables[0], 100, 0.955F, false);
  const ThresholdChoice choice = choose_threshold(tables);
  // Pooled: 300 hits, 100 false alarms. Without the first table 1, without another 400 / 500.
  const double mean = (1 + 0.8 + 0.8) / 3;
  const double squares = (1 - mean) * (1 - mean) + 2 * (0.8 - mean) * (0.8 - mean);
  EXPECT_NEAR(choice.best_f1, 600.0 / 700, 1e-9);
  EXPECT_NEAR(choice.standard_error, std::sqrt(2.0 / 3 * squares), 1e-9);
}

// Malicious flows are short; benign ones are long.
std::string luflow_day(int flows, int malicious_of_ten) {
  std::string text =
      "avg_ipt,bytes_in,bytes_out,entropy,num_pkts_out,num_pkts_in,proto,total_entropy,label,"
      "duration\n";
  for (int i = 0; i < flows; ++i) {
    const bool malicious = i % 10 < malicious_of_ten;
    const int seconds = (malicious ? 1 : 20) + i % 7;
    text += std::string("1.0,100,100,4,6,4,6,7,") + (malicious ? "malicious," : "benign,") +
            std::to_string(seconds) + "\n";
  }
  return text;
}

TEST(TableFiguresTest, WhatIsLearntOfTrainIsJudgedOnEachDayOfEval) {
  const support::TempDir folder;
  for (const std::string split : {"train", "eval"}) {
    ASSERT_EQ(mkdir((folder / split).c_str(), 0700), 0);
  }
  support::write_text(folder / "train/1.csv", luflow_day(400, 4));
  support::write_text(folder / "train/2.csv", luflow_day(200, 9));
  support::write_text(folder / "eval/3.csv", luflow_day(100, 2));
  support::write_text(folder / "eval/4.csv", luflow_day(50, 0));
  const auto text = luflow_text(folder.path(), quiet);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_NE(text->find("| 3 | 100 | 20 | 1.000 | 1.000 | 1.000 | 0.000 |"), std::string::npos)
      << *text;
  EXPECT_NE(text->find("| 4 | 50 | 0 | – | – | – | 0.000 |"), std::string::npos) << *text;
  EXPECT_NE(text->find("| 0.914 |"), std::string::npos) << *text;
  EXPECT_NE(text->find("chosen 0.500 (F1 1.000)"), std::string::npos) << *text;
}

std::string ctu_scenario(int flows, int seconds_of_bots) {
  std::string text = "dur,proto,tot_pkts,tot_bytes,src_bytes,label\n";
  for (int i = 0; i < flows; ++i) {
    const bool bot = i % 4 == 0;
    const int seconds = bot ? seconds_of_bots : 20;
    text += std::to_string(seconds + i % 7) + ",tcp,4,300,200,flow=From-" +
            (bot ? "Botnet" : "Normal") + "-V1\n";
  }
  return text + "1,tcp,4,300,200,flow=Background\n";
}

TEST(TableFiguresTest, EachScenarioIsJudgedByTheOthers) {
  const support::TempDir folder;
  support::write_text(folder / "a.csv", ctu_scenario(200, 1));
  support::write_text(folder / "b.csv", ctu_scenario(200, 1));
  // Its bots are as slow as everybody is elsewhere: the others cannot teach that.
  support::write_text(folder / "c.csv", ctu_scenario(100, 20));
  const auto text = ctu13_text(folder.path(), quiet);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_NE(text->find("| c | 100 | 25 | – | 0.000 | 0.000 | 0.000 |"), std::string::npos) << *text;
  EXPECT_NE(text->find("- a: 200 flows, 50 of them malicious; dropped: 1 rows of the background"),
            std::string::npos)
      << *text;
  EXPECT_EQ(text->find("| a | 200 | 50 | 0"), std::string::npos) << *text;
}

std::string zeek_capture(int flows, int malicious_of_ten) {
  std::string text =
      "proto|duration|conn_state|orig_pkts|orig_ip_bytes|resp_pkts|resp_ip_bytes|label\n";
  for (int i = 0; i < flows; ++i) {
    const bool malicious = i % 10 < malicious_of_ten;
    text += "tcp|" + std::to_string(i % 5) + "|SF|" + (malicious ? "40|4000" : "4|160") +
            "|2|100|" + (malicious ? "Malicious" : "Benign") + "\n";
  }
  return text;
}

TEST(TableFiguresTest, CapturesAreJudgedByTheOthersAndOneNetworkByAnother) {
  const support::TempDir folder;
  support::write_text(folder / "ctu-1.conn.csv", zeek_capture(100, 5));
  support::write_text(folder / "ctu-2.conn.csv", zeek_capture(100, 4));
  support::write_text(folder / "iot23-1.conn.csv", zeek_capture(200, 3));
  support::write_text(folder / "iot23-2.conn.csv", zeek_capture(200, 2));
  const auto text = zeek_text(folder.path(), quiet);
  ASSERT_TRUE(text.ok()) << text.error().message;
  for (const char* row : {
           "| ctu-1 | 100 | 50 | 1.000 | 1.000 | 1.000 | 0.000 | 1.000 |",
           "| iot23-2 | 200 | 40 | 1.000 | 1.000 | 1.000 | 0.000 | 1.000 |",
           "| IoT-23, by a model of the other captures | 400 | 100 | 1.000 |",
           "| the other captures, by a model of IoT-23 | 200 | 90 | 1.000 |",
       }) {
    EXPECT_NE(text->find(row), std::string::npos) << row << "\n" << *text;
  }
}

TEST(TableFiguresTest, WithoutTheFoldersTheFiguresSaySo) {
  const auto text = tables_text("/nonexistent", quiet);
  ASSERT_TRUE(text.ok());
  for (const char* folder : {"luflow", "ctu13", "zeek"}) {
    const std::string line = std::string("Not measured: there is no folder /nonexistent/") + folder;
    EXPECT_NE(text->find(line), std::string::npos) << *text;
  }
}

TEST(TableFiguresTest, ABadRowStopsTheFigureWithItsFileAndLine) {
  const support::TempDir folder;
  support::write_text(folder / "a.csv", ctu_scenario(8, 1) + "1,tcp,four,300,200,flow=Normal\n");
  const auto text = ctu13_text(folder.path(), quiet);
  ASSERT_FALSE(text.ok());
  EXPECT_NE(text.error().message.find("a.csv, line 11: tot_pkts is no number: \"four\""),
            std::string::npos)
      << text.error().message;
}

TEST(TableTrainerTest, TwoTablesWithBothKindsOfFlowsAreNeeded) {
  const TableSource& source = luflow_source();
  const auto both = parse_table(source, "1.csv", luflow_day(20, 5));
  const auto benign = parse_table(source, "2.csv", luflow_day(20, 0));
  ASSERT_TRUE(both.ok() && benign.ok());
  for (const std::vector<const FlowTable*>& tables :
       {std::vector<const FlowTable*>{&*both}, {&*both, &*benign}}) {
    const auto model = train_on_tables(source, tables, TableColumns::inputs);
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error().code, base::ErrorCode::invalid_argument);
  }
  EXPECT_TRUE(train_on_tables(source, {&*both, &*both, &*benign}, TableColumns::inputs).ok())
      << "a table with one kind may be among them";
}

TEST(TableTrainerTest, EqualTablesGiveEqualModels) {
  const TableSource& source = luflow_source();
  const auto one = parse_table(source, "1.csv", luflow_day(200, 5));
  const auto other = parse_table(source, "2.csv", luflow_day(100, 3));
  ASSERT_TRUE(one.ok() && other.ok());
  const auto first = train_on_tables(source, {&*one, &*other}, TableColumns::inputs_and_own);
  const auto again = train_on_tables(source, {&*one, &*other}, TableColumns::inputs_and_own);
  ASSERT_TRUE(first.ok() && again.ok());
  EXPECT_EQ(first->xgboost, again->xgboost);
  EXPECT_EQ(first->rounds, again->rounds);
}

}  // namespace
}  // namespace mlguard::ml_detector
