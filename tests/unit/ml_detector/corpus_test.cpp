#include "ml_detector/corpus.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"

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
  const auto corpus = open_corpus("/nonexistent", kTrainSplit);
  ASSERT_FALSE(corpus.ok());
  EXPECT_EQ(corpus.error().reason, "data_absent");
}

class CorpusFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_ + "/other");
    write("labels.tsv",
          "split\tfile\thost_a\thost_b\tproto\tport\tclass\n"
          "other\tb.pcap\t*\t*\ttcp\t22\tbruteforce\n"
          "other\tb.pcap\t*\t*\t*\t*\tignore\n"
          "other\ta.pcap\t*\t*\t*\t*\tbenign\n"
          "train\tc.pcap\t*\t*\t*\t*\tddos\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(base::write_file_atomic(folder_ + "/" + name, text, 0644).ok());
  }

  const std::string folder_ = testing::TempDir() + "corpus_test_" + std::to_string(getpid());
};

TEST_F(CorpusFolderTest, CapturesInAFolderNeedNoArchiveAndNoProvenance) {
  auto corpus = open_corpus(folder_, "other");
  ASSERT_TRUE(corpus.ok()) << corpus.error().message;
  ASSERT_EQ(corpus->files.size(), 2U);
  EXPECT_EQ(corpus->files[0].name, "a.pcap");
  EXPECT_EQ(corpus->files[1].path, folder_ + "/other/b.pcap");
  EXPECT_EQ(corpus->files[1].main_class, "bruteforce");
  EXPECT_EQ(corpus->files[1].rules.size(), 2U);
  EXPECT_TRUE(corpus->archive_sha256.empty());
  write("provenance.tsv",
        "split\tfile\tclass\trepo\tpath\tcommit\tsrc\tsnap\tbytes\tnote\n"
        "other\ta.pcap\tbenign\tus/them\tx\tc0ffee\t1\t2\t3\t\n");
  corpus = open_corpus(folder_, "other");
  ASSERT_TRUE(corpus.ok());
  EXPECT_EQ(corpus->files[0].repository, "us/them");
  EXPECT_EQ(corpus->files[0].commit, "c0ffee");
  EXPECT_EQ(corpus->files[0].sha256, "2");
}

TEST_F(CorpusFolderTest, WhatIsMissingIsNamed) {
  EXPECT_EQ(open_corpus(folder_, "train").error().reason, "data_absent") << "no archive";
  std::filesystem::create_directories(folder_ + "/third");
  const auto no_rows = open_corpus(folder_, "third");
  EXPECT_NE(no_rows.error().message.find("the split third"), std::string::npos);
  write("labels.tsv", "split\tfile\nother\ta.pcap\n");
  EXPECT_EQ(open_corpus(folder_, "other").error().code, base::ErrorCode::corrupt);
}

}  // namespace
}  // namespace mlguard::ml_detector
