#include "ml_detector/corpus.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace mlguard::ml_detector {
namespace {

void set_address(std::uint8_t* address, const char* text) {
  std::fill_n(address, MLG_ADDRESS_BYTES, std::uint8_t{0});
  if (inet_pton(AF_INET6, text, address) == 1) return;
  address[10] = address[11] = 0xff;
  ASSERT_EQ(inet_pton(AF_INET, text, address + 12), 1) << text;
}

flow::FlowRecord flow_between(const char* low, const char* high, std::uint16_t low_port,
                              std::uint16_t high_port, std::uint8_t protocol) {
  flow::FlowRecord record;
  set_address(record.key.low_address, low);
  set_address(record.key.high_address, high);
  record.key.low_port = low_port;
  record.key.high_port = high_port;
  record.key.protocol = protocol;
  return record;
}

std::vector<LabelRule> rules_of(const std::vector<std::vector<std::string>>& rows) {
  std::vector<LabelRule> rules;
  for (std::vector<std::string> row : rows) {
    row.insert(row.begin(), {"train", "file.pcap"});
    auto rule = parse_label(row);
    EXPECT_TRUE(rule.ok()) << rule.error().message;
    if (rule.ok()) rules.push_back(*rule);
  }
  return rules;
}

TEST(CorpusTest, TheFirstRuleThatFitsEitherWayRoundNamesTheClass) {
  const auto rules = rules_of({{"192.168.1.2", "10.0.0.1", "tcp", "22", "bruteforce"},
                               {"10.0.0.1", "*", "*", "*", "ignore"},
                               {"*", "*", "udp", "*", "benign"}});
  EXPECT_EQ(label_of(rules, flow_between("10.0.0.1", "192.168.1.2", 22, 5'000, 6)), "bruteforce");
  EXPECT_EQ(label_of(rules, flow_between("192.168.1.2", "10.0.0.1", 5'000, 22, 6)), "bruteforce");
  EXPECT_EQ(label_of(rules, flow_between("10.0.0.1", "192.168.1.2", 23, 5'000, 6)), "ignore");
  EXPECT_EQ(label_of(rules, flow_between("10.0.0.1", "192.168.1.2", 22, 5'000, 17)), "ignore");
  EXPECT_EQ(label_of(rules, flow_between("10.0.0.2", "192.168.1.2", 1, 2, 17)), "benign");
  EXPECT_EQ(label_of(rules, flow_between("10.0.0.2", "192.168.1.2", 1, 2, 6)), "");
}

TEST(CorpusTest, PrefixesCoverWhatTheySay) {
  const auto rules = rules_of({{"224.0.0.0/4", "*", "*", "*", "ignore"},
                               {"ff00::/8", "*", "*", "*", "ignore"},
                               {"10.1.2.0/23", "10.9.9.9", "*", "*", "portscan"}});
  const auto label = [&](const char* a, const char* b) {
    return label_of(rules, flow_between(a, b, 1, 2, 17));
  };
  EXPECT_EQ(label("10.0.0.1", "224.0.0.251"), "ignore");
  EXPECT_EQ(label("10.0.0.1", "239.255.255.250"), "ignore");
  EXPECT_EQ(label("10.0.0.1", "240.0.0.1"), "");
  EXPECT_EQ(label("fe80::1", "ff02::fb"), "ignore");
  EXPECT_EQ(label("fe80::1", "fe80::2"), "");
  EXPECT_EQ(label("10.1.3.255", "10.9.9.9"), "portscan");
  EXPECT_EQ(label("10.1.4.0", "10.9.9.9"), "");
}

TEST(CorpusTest, WhatIsNoLabelIsRefused) {
  const std::vector<std::vector<std::string>> bad = {
      {"s", "f", "10.0.0", "*", "*", "*", "benign"},
      {"s", "f", "*", "10.0.0.0/33", "*", "*", "benign"},
      {"s", "f", "*", "10.0.0.0/", "*", "*", "benign"},
      {"s", "f", "*", "*", "carrier-pigeon", "*", "benign"},
      {"s", "f", "*", "*", "tcp", "65536", "benign"},
      {"s", "f", "*", "*", "tcp", "-1", "benign"},
      {"s", "f", "*", "*", "tcp"},
  };
  for (const auto& row : bad) {
    const auto rule = parse_label(row);
    ASSERT_FALSE(rule.ok());
    EXPECT_EQ(rule.error().code, base::ErrorCode::corrupt);
  }
}

TEST(CorpusTest, AFolderWithoutDataIsToldApart) {
  const auto corpus = open_corpus("/nonexistent", Split::train);
  ASSERT_FALSE(corpus.ok());
  EXPECT_EQ(corpus.error().reason, "data_absent");
}

}  // namespace
}  // namespace mlguard::ml_detector
