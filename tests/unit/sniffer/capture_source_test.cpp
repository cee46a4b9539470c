// A capture played as if its packets came by now: when they come, what time is told, and how it
// ends; and the records that come of it, beside those of sniffer --pcap.
#include "sniffer/capture_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <sstream>
#include <thread>
#include <vector>

#include "sniffer/live_sniffer.h"
#include "sniffer/pcap_mode.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "tests/support/packet_fixtures.h"
#include "tests/unit/sniffer/capture_files.h"

namespace mlguard::sniffer {
namespace {

using ::testing::HasSubstr;
using Times = std::vector<std::uint64_t>;

constexpr std::uint64_t kSecond = flow::kNsPerSecond;
constexpr std::uint32_t kFirst = 1'000;  // when the captures here begin, in seconds

std::vector<std::uint8_t> udp_packet() {
  return support::bytes_of_hex(support::hex::kMacs + support::hex::kIpv4Type +
                               support::hex::ipv4("0020", "11") + support::hex::kUdp +
                               "000102030405060708090a0b0c0d0e0f");
}

class CaptureSourceTest : public ::testing::Test {
 protected:
  // Packets so many seconds after the first one.
  std::string capture(const std::vector<std::uint32_t>& seconds) {
    std::string text = pcap_header(1);
    for (const std::uint32_t second : seconds) {
      text += pcap_packet(udp_packet(), kFirst + second);
    }
    return written(text);
  }
  std::string written(const std::string& text) {
    const std::string path = folder_ / "capture.pcap";
    support::write_text(path, text);
    return path;
  }
  void play(const std::string& path, double pace = 1, std::uint32_t times = 1) {
    auto opened = open_capture_source({path, pace, times}, clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    source_ = std::move(*opened);
    ASSERT_TRUE(source_->load(1'024).ok());
    ASSERT_TRUE(source_->apply(LiveConfig()).ok());
  }
  // The times of one round's packets, in seconds since the capture's first.
  Times round(std::int64_t after_ms = 0, Demand demand = Demand::open) {
    clock_.advance_ms(after_ms);
    xdp::FlowRound read;
    EXPECT_TRUE(source_->read_round(read, demand).ok());
    Times times;
    for (const mlg_event& event : read.events) times.push_back(event.time_ns / kSecond - kFirst);
    return times;
  }
  std::uint64_t wall_ns() const { return static_cast<std::uint64_t>(clock_.wall_ms()) * 1'000'000; }
  // What the packet of that event time is told to have come at.
  std::uint64_t told_ns(std::uint64_t seconds) const {
    return (kFirst + seconds) * kSecond + source_->told_offset_ns();
  }

  const support::TempDir folder_;
  base::ManualClock clock_;
  std::unique_ptr<PacketSource> source_;
};

TEST_F(CaptureSourceTest, PacketsComeAsFarApartAsTheyDid) {
  play(capture({0, 2, 3}));
  EXPECT_EQ(round(), Times{0});
  EXPECT_EQ(told_ns(0), wall_ns());
  EXPECT_EQ(round(1'900), Times{});
  EXPECT_EQ(round(100), Times{2});
  EXPECT_EQ(told_ns(2), wall_ns());
  EXPECT_EQ(source_->round_end(), RoundEnd::goes_on);
  EXPECT_EQ(round(5'000), Times{3});
  EXPECT_EQ(source_->round_end(), RoundEnd::all);
  EXPECT_TRUE(source_->health().ok());
  EXPECT_EQ(source_->counters()->front().seen, 3U);
}

TEST_F(CaptureSourceTest, AFasterPaceChangesWhenPacketsComeAndNotTheirTimes) {
  play(capture({0, 20, 30}), 10);
  EXPECT_EQ(round(), Times{0});
  const std::uint64_t begun_ns = wall_ns();
  EXPECT_EQ(round(1'900), Times{});
  EXPECT_EQ(round(100), Times{20});
  EXPECT_EQ(told_ns(20), begun_ns + 20 * kSecond);
  play(capture({0, 20, 30}), kPaceAsFastAsItGoes);
  EXPECT_EQ(round(), (Times{0, 20, 30}));
  EXPECT_EQ(source_->round_end(), RoundEnd::all);
}

TEST_F(CaptureSourceTest, WhileNobodyTakesRecordsTimeStandsStill) {
  play(capture({0, 2}));
  EXPECT_EQ(round(0, Demand::held), Times{});
  EXPECT_THAT(source_->json(), HasSubstr(R"("state":"waiting")"));
  EXPECT_EQ(round(60'000), Times{0});
  EXPECT_EQ(told_ns(0), wall_ns());
  EXPECT_EQ(round(60'000, Demand::held), Times{});
  EXPECT_EQ(round(1'000), Times{});
  EXPECT_EQ(round(1'000), Times{2});
}

TEST_F(CaptureSourceTest, PlayedAgainTimeGoesOnInWholeSeconds) {
  play(capture({0, 2}), 1, 2);
  EXPECT_EQ(round(), Times{0});
  EXPECT_EQ(round(2'000), Times{2});
  EXPECT_EQ(source_->round_end(), RoundEnd::pass);
  EXPECT_EQ(round(100), Times{3});
  EXPECT_EQ(source_->round_end(), RoundEnd::goes_on);
  EXPECT_EQ(told_ns(3), wall_ns());
  EXPECT_THAT(source_->json(), HasSubstr(R"("played":1,"times":2)"));
  EXPECT_EQ(round(2'000), Times{5});
  EXPECT_EQ(source_->round_end(), RoundEnd::all);
}

TEST_F(CaptureSourceTest, PlayedAgainFasterToldTimesDoNotGoBack) {
  play(capture({0, 20}), kPaceAsFastAsItGoes, 0);
  EXPECT_EQ(round(), (Times{0, 20}));
  const std::uint64_t last_ns = told_ns(20);
  EXPECT_GT(last_ns, wall_ns());
  EXPECT_EQ(round(100), (Times{21, 41}));
  EXPECT_EQ(told_ns(21), last_ns + kSecond);
  // Long after, they are of now again.
  EXPECT_EQ(round(3'600'000), (Times{42, 62}));
  EXPECT_EQ(told_ns(42), wall_ns());
}

TEST_F(CaptureSourceTest, ARoundIsBounded) {
  play(capture(std::vector<std::uint32_t>(kRoundPacketsMax + 5, 0)), kPaceAsFastAsItGoes);
  EXPECT_EQ(round().size(), kRoundPacketsMax);
  EXPECT_EQ(round().size(), 5U);
}

TEST_F(CaptureSourceTest, OfACaptureThatIsCutOffWhatCameBeforeIsPlayed) {
  const std::string whole =
      pcap_header(1) + pcap_packet(udp_packet(), kFirst) + pcap_packet(udp_packet(), kFirst + 1);
  play(written(whole.substr(0, whole.size() - 7)), kPaceAsFastAsItGoes, 0);
  EXPECT_EQ(round(), Times{0});
  EXPECT_EQ(source_->round_end(), RoundEnd::all);
  EXPECT_THAT(source_->health().error().message, HasSubstr("cut off or damaged after packet 1"));
  EXPECT_EQ(round(1'000), Times{});
}

TEST_F(CaptureSourceTest, WhatHoldsNoFlowEndsInsteadOfRepeating) {
  const auto arp = support::bytes_of_hex(support::hex::kMacs + "0806 0001");
  play(written(pcap_header(1) + pcap_packet(arp, kFirst)), kPaceAsFastAsItGoes, 0);
  EXPECT_EQ(round(), Times{});
  EXPECT_EQ(source_->round_end(), RoundEnd::all);
  EXPECT_THAT(source_->health().error().message, HasSubstr("no packet that belongs to a flow"));
}

TEST_F(CaptureSourceTest, APipeIsReadToItsEndAndPlayedLikeAFile) {
  const std::string whole = support::read_text(capture({0, 2}));
  const std::string pipe = folder_ / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  std::thread writer([&] { support::write_text(pipe, whole); });
  play(pipe, kPaceAsFastAsItGoes, 2);
  writer.join();
  EXPECT_EQ(round(), (Times{0, 2}));
  EXPECT_EQ(source_->round_end(), RoundEnd::pass);
  EXPECT_EQ(round(), (Times{3, 5}));
  EXPECT_THAT(source_->json(), HasSubstr("\"file\":\"" + pipe + "\""));
  std::thread cut_short([&] { support::write_text(pipe, whole.substr(0, whole.size() - 1)); });
  play(pipe, kPaceAsFastAsItGoes);
  cut_short.join();
  round();
  EXPECT_EQ(source_->health().error().message.rfind(pipe + " is cut off", 0), 0U);
}

TEST_F(CaptureSourceTest, SamplingLeavesWholeFlowsOut) {
  std::string text = pcap_header(1);
  for (int host = 0; host < 200; ++host) {
    auto bytes = udp_packet();
    bytes[14 + 15] = static_cast<std::uint8_t>(host);
    text += pcap_packet(bytes, kFirst);
  }
  play(written(text), kPaceAsFastAsItGoes);
  LiveConfig config;
  config.sample_one_in = 4;
  ASSERT_TRUE(source_->apply(config).ok());
  const std::size_t taken = round().size();
  EXPECT_GT(taken, 20U);
  EXPECT_LT(taken, 90U);
  EXPECT_EQ(source_->counters()->front().fates[MLG_FATE_SAMPLED_OUT], 200 - taken);
}

// Lines without the columns of a flow's first and last time, sorted.
std::vector<std::string> rows_of(const std::string& csv) {
  constexpr std::size_t kFirstTimeColumn = 5;
  std::vector<std::string> rows;
  std::istringstream lines(support::read_text(csv));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream cells(line);
    std::string row;
    std::size_t column = 0;
    for (std::string cell; std::getline(cells, cell, ','); ++column) {
      if (column != kFirstTimeColumn && column != kFirstTimeColumn + 1) row += cell + ",";
    }
    rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end());
  return rows;
}

TEST_F(CaptureSourceTest, TheRecordsAreThoseOfTheCapture) {
  const std::string path = std::string(MLGUARD_SOURCE_DIR) + "/data/captures/office.pcap";
  PcapOptions pcap;
  pcap.capture_path = path;
  pcap.flows_path = folder_ / "expected.csv";
  const auto summary = read_capture(pcap);
  ASSERT_TRUE(summary.ok()) << summary.error().message;

  const base::SystemClock clock;
  auto source = open_capture_source({path, kPaceAsFastAsItGoes, 1}, clock);
  ASSERT_TRUE(source.ok()) << source.error().message;
  LiveOptions options;
  options.flows_path = folder_ / "played.csv";
  options.sends = false;
  const auto sniffer = LiveSniffer::create(options, std::move(*source), clock);
  ASSERT_TRUE(sniffer.ok()) << sniffer.error().message;
  ASSERT_TRUE((*sniffer)->apply(LiveConfig()).ok());
  (*sniffer)->wait_for_end();
  (*sniffer)->stop();
  EXPECT_TRUE((*sniffer)->health().ok());
  EXPECT_THAT((*sniffer)->detail(), HasSubstr(R"("state":"over")"));
  const auto expected = rows_of(folder_ / "expected.csv");
  ASSERT_GT(expected.size(), 100U);
  EXPECT_EQ(rows_of(folder_ / "played.csv"), expected);
}

TEST(ParsePaceTest, APaceIsANumberInItsRangeOrMax) {
  EXPECT_EQ(*parse_pace("1"), 1);
  EXPECT_EQ(*parse_pace("0.5"), 0.5);
  EXPECT_EQ(*parse_pace("max"), kPaceAsFastAsItGoes);
  for (const char* bad : {"", "0", "-1", "1001", "fast", "1x", "nan", "inf"}) {
    EXPECT_EQ(parse_pace(bad).error().reason, "invalid_pace") << bad;
  }
}

TEST(ReplayFlagsTest, WhatCannotBePlayedIsOneClearLine) {
  const support::TempDir folder;
  support::write_text(folder / "empty", "");
  support::write_text(folder / "garbage", std::string(1'000, 'x'));
  support::write_text(folder / "good", pcap_header(1));
  struct Case {
    std::vector<std::string> flags;
    int code;
    const char* says;
  };
  const std::vector<Case> cases = {
      {{folder / "absent"}, 1, "No such file"},
      {{folder / "empty"}, 1, "is empty"},
      {{folder / "garbage"}, 1, "is no pcap or pcapng capture"},
      {{"-"}, 1, "standard input is empty"},
      {{folder / "good", "--iface", "lo"}, 2, "choose one"},
      {{folder / "good", "--pace", "0"}, 2, "--pace is how many seconds"}};
  for (const Case& one : cases) {
    support::ProcessOptions options;
    options.arguments = {std::string(MLGUARD_BIN_DIR) + "/sniffer", "--credentials",
                         folder / "none", "--replay"};
    options.arguments.insert(options.arguments.end(), one.flags.begin(), one.flags.end());
    const auto result = support::run_command(options);
    EXPECT_EQ(result.exit.code, one.code) << result.err;
    EXPECT_THAT(result.err, HasSubstr(one.says));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
  }
}

}  // namespace
}  // namespace mlguard::sniffer
