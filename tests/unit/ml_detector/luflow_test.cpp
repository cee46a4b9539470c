#include "ml_detector/luflow.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "ml_detector/luflow_figure.h"
#include "support/process.h"
#include "support/temp_dir.h"

namespace mlguard::ml_detector {
namespace {

constexpr const char* kHeader =
    "avg_ipt,bytes_in,bytes_out,dest_ip,dest_port,entropy,num_pkts_out,num_pkts_in,proto,src_ip,"
    "src_port,time_end,time_start,total_entropy,label,duration\n";
constexpr const char* kMalicious =
    "52.5,270,192,786,445,4.5,6,4,6,47331,56965,159416,159416,2115.3,malicious,0.5\n";
constexpr const char* kBenignLabel =
    "0.0,0,40,15169,53,1.5,4,0,17,786,42012,15,15,60.0,benign,8.0\n";
constexpr const char* kOutlier =
    "123.75,270,191,786,445,4.57,6,6,6,52444,57366,15,15,2108.4,outlier,0.96\n";

float input_of(const LuflowFlow& flow, const std::string& name) {
  const auto found = std::find(kLuflowInputs.begin(), kLuflowInputs.end(), name);
  EXPECT_NE(found, kLuflowInputs.end()) << name;
  return flow.inputs[static_cast<std::size_t>(found - kLuflowInputs.begin())];
}

std::string refusal_of(const std::string& text) {
  const auto day = parse_luflow_day("2020.07.08.csv", text);
  EXPECT_FALSE(day.ok());
  if (day.ok()) return "";
  EXPECT_EQ(day.error().code, base::ErrorCode::corrupt);
  return day.error().message;
}

TEST(LuflowTest, ARowBecomesTheInputsThatItTells) {
  const auto day =
      parse_luflow_day("2020.07.08.csv", std::string(kHeader) + kMalicious + kBenignLabel);
  ASSERT_TRUE(day.ok()) << day.error().message;
  EXPECT_EQ(day->name, "2020.07.08");
  ASSERT_EQ(day->flows.size(), 2U);
  const LuflowFlow& first = day->flows[0];
  EXPECT_TRUE(first.malicious);
  EXPECT_EQ(input_of(first, "is_tcp"), 1);
  EXPECT_EQ(input_of(first, "is_udp"), 0);
  EXPECT_FLOAT_EQ(input_of(first, "duration"), 0.5F);
  EXPECT_EQ(input_of(first, "packets"), 10);
  EXPECT_EQ(input_of(first, "packet_rate"), 20);
  EXPECT_EQ(input_of(first, "fwd_packets"), 6) << "out is what the source sent";
  EXPECT_EQ(input_of(first, "rev_packets"), 4);
  EXPECT_EQ(input_of(first, "fwd_bytes"), 192);
  EXPECT_EQ(input_of(first, "rev_bytes"), 270);
  EXPECT_EQ(input_of(first, "fwd_size_mean"), 32);
  EXPECT_FLOAT_EQ(input_of(first, "fwd_gap_mean"), 0.0525F);
  EXPECT_FLOAT_EQ(first.own[0], 4.5F);
  EXPECT_FLOAT_EQ(first.own[1], 2115.3F);
  const LuflowFlow& second = day->flows[1];
  EXPECT_FALSE(second.malicious);
  EXPECT_EQ(input_of(second, "is_udp"), 1);
  EXPECT_EQ(input_of(second, "rev_packets"), 0);
  EXPECT_TRUE(std::isnan(input_of(second, "rev_size_mean"))) << "of no packets there is no mean";
}

TEST(LuflowTest, AMeanGapLongerThanItsFlowIsNotTold) {
  const auto day = parse_luflow_day(
      "d.csv", std::string(kHeader) + "4294967290.0,270,192,1,2,4,6,4,6,3,4,5,6,7,benign,0.5\n");
  ASSERT_TRUE(day.ok()) << day.error().message;
  EXPECT_TRUE(std::isnan(input_of(day->flows.at(0), "fwd_gap_mean")));
}

TEST(LuflowTest, OutliersAreDroppedAndCounted) {
  const auto day =
      parse_luflow_day("d.csv", std::string(kHeader) + kOutlier + kBenignLabel + kOutlier);
  ASSERT_TRUE(day.ok()) << day.error().message;
  EXPECT_EQ(day->flows.size(), 1U);
  EXPECT_EQ(day->outliers, 2U);
}

TEST(LuflowTest, ColumnsAreFoundByTheirNames) {
  const auto day = parse_luflow_day(
      "d.csv",
      "label,duration,proto,num_pkts_in,num_pkts_out,bytes_in,bytes_out,avg_ipt,entropy,"
      "total_entropy\nbenign,2.5,1,3,5,30,50,10,0,0\n");
  ASSERT_TRUE(day.ok()) << day.error().message;
  EXPECT_EQ(input_of(day->flows.at(0), "is_icmp"), 1);
  EXPECT_EQ(input_of(day->flows.at(0), "fwd_bytes"), 50);
}

TEST(LuflowTest, MissingColumnsAreNamed) {
  const std::string message =
      refusal_of("avg_ipt,bytes_in,bytes_out,entropy,total_entropy,label\n");
  EXPECT_NE(message.find("2020.07.08.csv, line 1"), std::string::npos) << message;
  EXPECT_NE(message.find("num_pkts_out num_pkts_in proto duration"), std::string::npos) << message;
  EXPECT_EQ(message.find("bytes_in"), std::string::npos) << message;
}

TEST(LuflowTest, AMalformedRowIsRefusedByFileAndLine) {
  const std::string good = std::string(kHeader) + kBenignLabel;
  for (const char* row : {
           "52.5,270,192,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,malicious\n",
           "52.5,270,x,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,malicious,0.5\n",
           "52.5,270,,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,malicious,0.5\n",
           "52.5,270,-1,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,malicious,0.5\n",
           "52.5,270,192,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,malicious,nan\n",
           "52.5,270,192,786,445,4.5,6.5,4,6,47331,56965,1,1,2115.3,malicious,0.5\n",
           "52.5,270,192,786,445,4.5,6,4,600,47331,56965,1,1,2115.3,malicious,0.5\n",
           "52.5,270,192,786,445,4.5,6,4,6,47331,56965,1,1,2115.3,evil,0.5\n",
       }) {
    const std::string message = refusal_of(good + row);
    EXPECT_NE(message.find("2020.07.08.csv, line 3"), std::string::npos) << row << message;
  }
}

TEST(LuflowTest, DaysAreFoundInOrderAndReadPackedOrNot) {
  const support::TempDir folder;
  const std::string text = std::string(kHeader) + kMalicious;
  support::write_text(folder / "2020.07.09.csv", text);
  support::write_text(folder / "2020.07.08.csv", text + kBenignLabel);
  support::write_text(folder / "README.md", "no day");
  const auto packed = support::run_shell("xz '" + (folder / "2020.07.08.csv") + "'");
  ASSERT_TRUE(packed.exit.ok()) << packed.err;
  const auto days = luflow_days_in(folder.path());
  ASSERT_TRUE(days.ok()) << days.error().message;
  ASSERT_EQ(days->size(), 2U);
  const auto first = read_luflow_day((*days)[0]);
  ASSERT_TRUE(first.ok()) << first.error().message;
  EXPECT_EQ(first->name, "2020.07.08");
  EXPECT_EQ(first->flows.size(), 2U);
  const auto second = read_luflow_day((*days)[1]);
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_EQ(second->flows.size(), 1U);
}

TEST(LuflowTest, ADamagedArchiveAndAnAbsentFolderAreRefusedByName) {
  const support::TempDir folder;
  support::write_text(folder / "d.csv.xz", "no archive");
  const auto damaged = read_luflow_day(folder / "d.csv.xz");
  ASSERT_FALSE(damaged.ok());
  EXPECT_NE(damaged.error().message.find("d.csv.xz"), std::string::npos);
  const auto absent = luflow_days_in(folder / "nowhere");
  ASSERT_FALSE(absent.ok());
  EXPECT_EQ(absent.error().reason, "data_absent");
}

// Malicious flows are short, but for every tenth; benign ones are long.
std::string made_up_day(int flows, int malicious_of_ten) {
  std::string text = kHeader;
  for (int i = 0; i < flows; ++i) {
    const bool malicious = i % 10 < malicious_of_ten;
    const int seconds = (malicious ? 1 : 20) + i % 7;
    text += "1.0,100,100,1,2,4,6,4,6,3,4,5,6,7," +
            std::string(malicious ? "malicious," : "benign,") + std::to_string(seconds) + "\n";
  }
  return text;
}

TEST(LuflowFigureTest, WhatIsLearntOfTrainIsJudgedOnEachDayOfEval) {
  const support::TempDir folder;
  for (const std::string split : {"train", "eval"}) {
    ASSERT_EQ(mkdir((folder / split).c_str(), 0700), 0);
  }
  support::write_text(folder / "train/1.csv", made_up_day(400, 4));
  support::write_text(folder / "train/2.csv", made_up_day(200, 9));
  support::write_text(folder / "eval/3.csv", made_up_day(100, 2));
  support::write_text(folder / "eval/4.csv", made_up_day(50, 0));
  const Say quiet = [](const std::string&) {};
  const auto text = luflow_text(folder.path(), quiet);
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_NE(text->find("| 3 | 100 | 20 | 1.000 | 1.000 | 1.000 | 0.000 |"), std::string::npos)
      << *text;
  EXPECT_NE(text->find("| 4 | 50 | 0 | – | – | – | 0.000 |"), std::string::npos) << *text;
  EXPECT_NE(text->find("| 0.914 |"), std::string::npos) << *text;
}

TEST(LuflowFigureTest, WithoutTheFolderTheFigureSaysSo) {
  const auto text = luflow_text("/nonexistent/luflow", [](const std::string&) {});
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("Not measured: there is no folder /nonexistent/luflow"), std::string::npos);
}

TEST(LuflowFigureTest, ADayToHoldBackIsNeededWithBothKindsOfFlows) {
  auto both = parse_luflow_day("1.csv", std::string(kHeader) + kBenignLabel + kMalicious);
  auto one = parse_luflow_day("2.csv", std::string(kHeader) + kBenignLabel);
  ASSERT_TRUE(both.ok());
  ASSERT_TRUE(one.ok());
  EXPECT_FALSE(train_luflow({*both}, LuflowColumns::inputs).ok());
  EXPECT_FALSE(train_luflow({*both, *one}, LuflowColumns::inputs).ok());
}

}  // namespace
}  // namespace mlguard::ml_detector
