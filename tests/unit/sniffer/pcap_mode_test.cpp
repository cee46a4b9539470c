#include "sniffer/pcap_mode.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "capture/link_layer.h"
#include "capture/progress.h"
#include "support/process.h"
#include "support/temp_dir.h"
#include "tests/support/packet_fixtures.h"
#include "tests/unit/sniffer/capture_files.h"

namespace mlguard::sniffer {
namespace {

using capture::is_known;
using capture::Link;
using capture::parse_link;
using capture::Progress;
using support::bytes_of_hex;
using support::packet_fixtures;
using support::PacketFixture;
using support::TempDir;
using support::write_text;

// One section, one Ethernet interface in microseconds, one packet.
std::string pcapng(const std::vector<std::uint8_t>& bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const std::string padding((4 - size % 4) % 4, '\0');
  const std::uint32_t block = 32 + size + static_cast<std::uint32_t>(padding.size());
  return little_endian(0x0a0d0d0a) + little_endian(28) + little_endian(0x1a2b3c4d) +
         little_endian(1) + std::string(8, '\xff') + little_endian(28) + little_endian(1) +
         little_endian(20) + little_endian(1) + little_endian(65'535) + little_endian(20) +
         little_endian(6) + little_endian(block) + little_endian(0) + little_endian(0) +
         little_endian(1) + little_endian(size) + little_endian(size) +
         std::string(bytes.begin(), bytes.end()) + padding + little_endian(block);
}

std::string all_fixtures() {
  std::string capture = pcap_header(1);
  std::uint32_t second = 1;
  for (const PacketFixture& row : packet_fixtures()) capture += pcap_packet(row.bytes, second++);
  return capture;
}

support::CommandResult sniff(const std::vector<std::string>& arguments,
                             const std::string& input = {}) {
  support::ProcessOptions options;
  options.arguments = {std::string(MLGUARD_BIN_DIR) + "/sniffer"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.stdin_text = input;
  return support::run_command(options);
}

TEST(LinkLayerTest, EveryLinkLeadsToTheSamePacket) {
  const std::string ip = support::hex::ipv4("0028", "06") + support::hex::kTcpSyn;
  const std::string ethernet = support::hex::kMacs + support::hex::kIpv4Type + ip;
  const std::vector<std::pair<int, std::string>> links = {
      {1, ethernet},
      {0, "02000000 " + ip},
      {0, "00000002 " + ip},
      {108, "00000002 " + ip},
      {101, ip},
      {228, ip},
      {113, "0000 0001 0006 02000000000a 0000 0800 " + ip},
      {276, "0800 0000 00000002 0001 00 06 02000000000a0000 " + ip},
      {9, "0021 " + ip},
      {9, "ff03 0021 " + ip},
      {9, "0f00 0800 " + ip},
      {104, "0f00 0800 " + ip},
      {192, "00 00 0800 01000000 " + ethernet}};
  mlg_packet expected;
  const std::vector<std::uint8_t> plain = bytes_of_hex(ip);
  ASSERT_EQ(mlg_parse_ip(plain.data(), plain.data() + plain.size(), &expected), MLG_PARSE_OK);
  for (const auto& [link, text] : links) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(is_known(link));
    const std::vector<std::uint8_t> bytes = bytes_of_hex(text);
    mlg_packet packet;
    EXPECT_EQ(parse_link(link, bytes.data(), bytes.size(), packet), MLG_PARSE_OK);
    EXPECT_EQ(std::memcmp(&packet, &expected, sizeof packet), 0);
    for (std::size_t size = 0; size + plain.size() < bytes.size(); ++size) {
      EXPECT_EQ(parse_link(link, bytes.data(), size, packet), MLG_PARSE_TRUNCATED) << size;
    }
  }
  EXPECT_FALSE(is_known(105)) << "802.11";
}

TEST(LinkLayerTest, WhatIsNoIpOnItsLinkIsSaidSo) {
  const std::vector<std::pair<int, std::string>> links = {
      {0, "00000007 45"},
      {9, "c021 01"},
      {113, "0000 0001 0006 02000000000a 0000 0806 00"},
      {192, "00 00 0800 69000000 00"}};
  for (const auto& [link, text] : links) {
    const std::vector<std::uint8_t> bytes = bytes_of_hex(text);
    mlg_packet packet;
    EXPECT_EQ(parse_link(link, bytes.data(), bytes.size(), packet), MLG_PARSE_NOT_IP) << text;
  }
}

TEST(PcapModeTest, EveryPacketIsInAFlowOrCountedAsPassedOver) {
  const TempDir folder;
  PcapOptions options;
  options.capture_path = folder / "all.pcap";
  options.flows_path = folder / "flows.csv";
  write_text(options.capture_path, all_fixtures());
  const auto summary = read_capture(options);
  ASSERT_TRUE(summary.ok()) << summary.error().message;
  EXPECT_TRUE(summary->end.ok());
  std::array<std::uint64_t, MLG_PARSE_RESULTS> expected{};
  for (const PacketFixture& row : packet_fixtures()) ++expected[row.verdict];
  EXPECT_EQ(summary->by_result, expected);
  EXPECT_EQ(summary->packets_seen, packet_fixtures().size());
  const std::string rows = support::read_text(options.flows_path);
  std::uint64_t records = 0;
  for (const std::uint64_t count : summary->records) records += count;
  EXPECT_EQ(static_cast<std::uint64_t>(std::count(rows.begin(), rows.end(), '\n')), records + 1);
}

TEST(PcapModeTest, PcapngAndStandardInputAreReadLikeAFile) {
  const TempDir folder;
  const std::vector<std::uint8_t> bytes = packet_fixtures().front().bytes;
  write_text(folder / "a.pcap", pcap_header(1) + pcap_packet(bytes, 0));
  write_text(folder / "a.pcapng", pcapng(bytes));
  const auto from_file = sniff({"--pcap", folder / "a.pcap", "--flows", "-"});
  EXPECT_TRUE(from_file.exit.ok()) << from_file.err;
  EXPECT_NE(from_file.out.find("10.0.0.1,192.168.2.3,49152,443,6,0,0,end,0,1,"), std::string::npos)
      << from_file.out;
  EXPECT_NE(from_file.err.find("1 seen = 1 in flows + 0 passed over\n"), std::string::npos);
  const auto from_input = sniff({"--pcap=-", "--flows=-"}, support::read_text(folder / "a.pcap"));
  EXPECT_EQ(from_input.out, from_file.out);
  const auto from_pcapng = sniff({"--pcap", folder / "a.pcapng", "--flows", "-"});
  EXPECT_TRUE(from_pcapng.exit.ok()) << from_pcapng.err;
  // Its only packet is 1 µs late.
  EXPECT_NE(from_pcapng.out.find("10.0.0.1,192.168.2.3,49152,443,6,1000,1000,end"),
            std::string::npos)
      << from_pcapng.out;
  const auto json = sniff({"--pcap", folder / "a.pcap", "--flows", folder / "a.jsonl"});
  EXPECT_TRUE(json.exit.ok());
  EXPECT_NE(json.out.find("flows    1 begun, 1 records: 1 end"), std::string::npos) << json.out;
  EXPECT_EQ(support::read_text(folder / "a.jsonl").rfind("{\"source\":\"10.0.0.1\"", 0), 0u);
}

TEST(PcapModeTest, WhatCannotBeReadIsOneClearLineAndNotASuccess) {
  const TempDir folder;
  write_text(folder / "empty", "");
  write_text(folder / "garbage", std::string(1'000, 'x'));
  write_text(folder / "wifi", pcap_header(105));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {folder / "empty", "is empty"},
      {folder / "garbage", "is no pcap or pcapng capture"},
      {folder / "absent", "No such file"},
      {folder.path(), "is no pcap or pcapng capture"},
      {folder / "wifi", "a link that is not understood"}};
  for (const auto& [path, text] : cases) {
    const auto result = sniff({"--pcap", path, "--flows", folder / "out.csv"});
    EXPECT_EQ(result.exit.code, 1) << path;
    EXPECT_NE(result.err.find(text), std::string::npos) << result.err;
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(sniff({"--pcap", folder / "wifi", "--flows-max", "0"}).exit.code, 2);
  write_text(folder / "good", pcap_header(1));
  const auto full = sniff({"--pcap", folder / "good", "--flows", "/dev/full"});
  EXPECT_EQ(full.exit.code, 1);
  EXPECT_NE(full.err.find("could not write /dev/full"), std::string::npos) << full.err;
}

TEST(PcapModeTest, FlagsOfOtherModesAreNamedWithWhatToDo) {
  for (const char* other : {"--iface", "--endpoints", "--replay"}) {
    const auto result = sniff({"--pcap", "a.pcap", other, "x"});
    EXPECT_EQ(result.exit.code, 2) << other;
    EXPECT_NE(result.err.find(std::string("does not go with ") + other), std::string::npos);
    EXPECT_NE(result.err.find("sniffer --replay FILE"), std::string::npos) << result.err;
  }
}

TEST(PcapModeTest, ACutOffCaptureGivesWhatCameBeforeAndAnError) {
  const TempDir folder;
  const std::string whole = all_fixtures();
  write_text(folder / "cut.pcap", whole.substr(0, whole.size() - 10));
  const auto result = sniff({"--pcap", folder / "cut.pcap", "--flows", folder / "flows.csv"});
  EXPECT_EQ(result.exit.code, 1);
  const std::string before = std::to_string(packet_fixtures().size() - 1);
  EXPECT_NE(result.err.find("is cut off or damaged after packet " + before), std::string::npos)
      << result.err;
  EXPECT_NE(result.out.find("packets  " + before + " seen"), std::string::npos) << result.out;
}

TEST(ProgressTest, ItsLineSaysHowFar) {
  EXPECT_EQ(Progress::line(50, 100, 1'234'567),
            "[###############               ]  50%  1,234,567 packets");
  EXPECT_EQ(Progress::line(300, 100, 999), "[##############################] 100%  999 packets");
}

}  // namespace
}  // namespace mlguard::sniffer
