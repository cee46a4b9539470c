#include "xdp/blocklist.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "support/pin_folder.h"
#include "tests/support/packet_fixtures.h"
#include "unit/xdp/program_run.h"
#include "xdp/data_plane.h"

namespace mlguard::xdp {
namespace {

using support::PacketFixture;

BlockedNetwork network(const std::string& address, std::uint32_t prefix_bits = kAddressBits) {
  BlockedNetwork made;
  EXPECT_EQ(inet_pton(AF_INET6, address.c_str(), made.address.data()), 1) << address;
  made.prefix_bits = prefix_bits;
  return made;
}

PacketFixture fixture_from(const std::string& source, mlg_parse_result verdict = MLG_PARSE_OK) {
  for (const PacketFixture& row : support::packet_fixtures()) {
    if (row.source == source && row.verdict == verdict) return row;
  }
  ADD_FAILURE() << "no packet from " << source;
  return {};
}

class BlocklistTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    // As it happens on a real machine: the firewall may be there before the sniffer.
    auto opened = Blocklist::open(pins_.path());
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    list_ = std::move(*opened);
    DataPlaneOptions options;
    options.pin_folder = pins_.path();
    auto loaded = DataPlane::load(options);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    plane_ = std::move(*loaded);
  }
  int verdict(const PacketFixture& packet) {
    return run_program(plane_->ingress_program(), packet.bytes);
  }
  BlockInForce only_entry() {
    const auto entries = list_->list();
    EXPECT_TRUE(entries.ok());
    EXPECT_EQ(entries->size(), 1U);
    return entries->empty() ? BlockInForce{} : entries->front();
  }

  support::PinFolder pins_;
  std::unique_ptr<Blocklist> list_;
  std::unique_ptr<DataPlane> plane_;
  const PacketFixture from4_ = fixture_from(support::fixture::kSource4);
  const PacketFixture from6_ = fixture_from(support::fixture::kSource6);
};

TEST_F(BlocklistTest, ABlockedAddressIsDroppedAndCountedAndNoOther) {
  ASSERT_TRUE(list_->block({{network("::ffff:10.0.0.1")}}).ok());
  EXPECT_EQ(verdict(from4_), XDP_DROP);
  EXPECT_EQ(verdict(from4_), XDP_DROP);
  EXPECT_EQ(verdict(from6_), XDP_PASS);
  const BlockInForce entry = only_entry();
  EXPECT_EQ(entry.packets, 2U);
  EXPECT_EQ(entry.bytes, 2U * from4_.fields.ip_bytes);
  const auto counters = plane_->counters();
  ASSERT_TRUE(counters.ok());
  EXPECT_EQ((*counters)[MLG_POINT_INGRESS].fates[MLG_FATE_BLOCKED], 2U);
  ASSERT_TRUE(list_->unblock({network("::ffff:10.0.0.1")}).ok());
  EXPECT_EQ(verdict(from4_), XDP_PASS);
}

// A fragment, or what is cut behind the addresses, must not slip past the list.
TEST_F(BlocklistTest, WhateverNamesItsSourceIsDropped) {
  ASSERT_TRUE(list_->block({{network("::ffff:10.0.0.1")}, {network("2001:db8::1")}}).ok());
  std::size_t dropped = 0;
  for (const PacketFixture& row : support::packet_fixtures()) {
    if (row.bytes.size() < kTestRunBytesMin) continue;
    SCOPED_TRACE(row.description);
    const bool named =
        row.source == support::fixture::kSource4 || row.source == support::fixture::kSource6;
    EXPECT_EQ(verdict(row), named ? XDP_DROP : XDP_PASS);
    dropped += named ? 1U : 0U;
  }
  EXPECT_GT(dropped, 10U);
}

TEST_F(BlocklistTest, PrefixesAreSearchedAfterAddresses) {
  ASSERT_TRUE(
      list_->block({{network("::ffff:10.0.0.0", 96 + 24)}, {network("2001:db8::", 32)}}).ok());
  EXPECT_EQ(verdict(from4_), XDP_DROP);
  EXPECT_EQ(verdict(from6_), XDP_DROP);
  ASSERT_TRUE(list_->block({{network("::ffff:10.0.0.1")}}).ok());
  EXPECT_EQ(verdict(from4_), XDP_DROP);
  const auto entries = list_->list();
  ASSERT_TRUE(entries.ok());
  ASSERT_EQ(entries->size(), 3U);
  for (const BlockInForce& entry : *entries) EXPECT_EQ(entry.packets, 1U);
  ASSERT_TRUE(list_
                  ->unblock({network("::ffff:10.0.0.0", 96 + 24), network("::ffff:10.0.0.1"),
                             network("::ffff:10.9.9.9")})
                  .ok());
  EXPECT_EQ(verdict(from4_), XDP_PASS);
  EXPECT_EQ(verdict(from6_), XDP_DROP);
}

TEST_F(BlocklistTest, ABlockEndsByItself) {
  ASSERT_TRUE(list_->block({{network("::ffff:10.0.0.1"), boot_ns() + 3'600'000'000'000U}}).ok());
  EXPECT_EQ(verdict(from4_), XDP_DROP);
  ASSERT_TRUE(list_->block({{network("::ffff:10.0.0.1"), boot_ns()}}).ok());
  EXPECT_EQ(verdict(from4_), XDP_PASS);
  EXPECT_EQ(only_entry().packets, 1U) << "the counters outlive a new expiry";
}

TEST_F(BlocklistTest, ItOutlivesWhoWroteItAndWhoReadsIt) {
  ASSERT_TRUE(list_->block({{network("::ffff:10.0.0.0", 96 + 8)}}).ok());
  list_.reset();
  plane_.reset();
  DataPlaneOptions options;
  options.pin_folder = pins_.path();
  auto again = DataPlane::load(options);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_EQ(run_program((*again)->ingress_program(), from4_.bytes), XDP_DROP);
  auto list = Blocklist::open(pins_.path());
  ASSERT_TRUE(list.ok());
  ASSERT_TRUE((*list)->unblock({network("::ffff:10.0.0.0", 96 + 8)}).ok());
  EXPECT_EQ(run_program((*again)->ingress_program(), from4_.bytes), XDP_PASS);
}

TEST_F(BlocklistTest, AFullListIsAClearError) {
  std::vector<Block> many(MLG_BLOCKED_PREFIXES_MAX + 1);
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].network = network("2001:db8::", 64);
    many[i].network.address[4] = static_cast<std::uint8_t>(i >> 16);
    many[i].network.address[5] = static_cast<std::uint8_t>(i >> 8);
    many[i].network.address[6] = static_cast<std::uint8_t>(i);
  }
  const base::Status refused = list_->block(many);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "blocklist_full");
  EXPECT_NE(refused.error().message.find("prefixes"), std::string::npos);
}

}  // namespace
}  // namespace mlguard::xdp
