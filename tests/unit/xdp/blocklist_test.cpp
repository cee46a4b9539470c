#include "xdp/blocklist.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>

#include "base/unique_fd.h"
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

BlockedNetwork numbered(std::uint32_t number) {
  BlockedNetwork made = network("::ffff:0.0.0.0");
  const std::uint32_t in_order = htonl(number);
  std::memcpy(made.address.data() + 12, &in_order, sizeof in_order);
  return made;
}

std::vector<Block> numbered_blocks(std::uint32_t first, std::uint32_t count) {
  std::vector<Block> blocks(count);
  for (std::uint32_t i = 0; i < count; ++i) blocks[i] = {numbered(first + i), i};
  return blocks;
}

TEST_F(BlocklistTest, AllAddressesThatItPromisesFitAndNoMore) {
  const std::vector<Block> many = numbered_blocks(1, MLG_BLOCKED_ADDRESSES_MAX);
  const base::Status fits = list_->block(many);
  ASSERT_TRUE(fits.ok()) << fits.error().message;
  const base::Status refused = list_->block({{network("2001:db8::1")}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "blocklist_full");
  EXPECT_NE(refused.error().message.find("addresses"), std::string::npos);
  ASSERT_TRUE(list_->unblock({many.front().network}).ok());
  EXPECT_TRUE(list_->block({{network("2001:db8::1")}}).ok()) << "its place is free again";
  EXPECT_EQ(verdict(from6_), XDP_DROP);
  const auto entries = list_->list();
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), std::size_t{MLG_BLOCKED_ADDRESSES_MAX});
}

// The place of one that left is used again, and by another process as well.
TEST_F(BlocklistTest, WhatComesAndGoesIsListedAsAModelHasIt) {
  std::mt19937 random(11);
  std::map<std::uint32_t, std::uint64_t> model;
  for (int turn = 0; turn < 60; ++turn) {
    if (turn % 10 == 9) {
      auto opened = Blocklist::open(pins_.path());
      ASSERT_TRUE(opened.ok()) << opened.error().message;
      list_ = std::move(*opened);
    }
    std::vector<Block> blocks;
    std::vector<BlockedNetwork> gone;
    for (int i = 0; i < 3'000; ++i) {
      const auto number = static_cast<std::uint32_t>(random() % 20'000);
      const std::uint64_t end = random();
      blocks.push_back({numbered(number), end});
      model[number] = end;
    }
    ASSERT_TRUE(list_->block(blocks).ok());
    for (int i = 0; i < 4'000; ++i) {
      const auto number = static_cast<std::uint32_t>(random() % 20'000);
      gone.push_back(numbered(number));
      model.erase(number);
    }
    ASSERT_TRUE(list_->unblock(gone).ok());
  }
  const auto entries = list_->list();
  ASSERT_TRUE(entries.ok());
  EXPECT_EQ(entries->size(), model.size());
  for (const BlockInForce& entry : *entries) {
    std::uint32_t in_order = 0;
    std::memcpy(&in_order, entry.block.network.address.data() + 12, sizeof in_order);
    const auto found = model.find(ntohl(in_order));
    ASSERT_NE(found, model.end()) << ntohl(in_order);
    EXPECT_EQ(entry.block.expires_boot_ns, found->second);
  }
}

// The programs find each of a full list, and none that has left: at TC there is no blocklist, and a
// test run at XDP takes 25 ms to begin, so that a sample must do.
TEST_F(BlocklistTest, InAFullListEachIsFoundAndNoneThatLeft) {
  constexpr std::uint32_t kStep = MLG_BLOCKED_ADDRESSES_MAX / 25;
  std::vector<Block> many = numbered_blocks(0x0b000000, MLG_BLOCKED_ADDRESSES_MAX);
  for (Block& block : many) block.expires_boot_ns = 0;
  ASSERT_TRUE(list_->block(many).ok());
  PacketFixture packet = from4_;
  const auto verdict_on = [&](std::uint32_t address) {
    const std::uint32_t in_order = htonl(address);
    std::memcpy(packet.bytes.data() + 14 + 12, &in_order, sizeof in_order);
    return verdict(packet);
  };
  std::vector<BlockedNetwork> gone;
  for (std::uint32_t i = 0; i < MLG_BLOCKED_ADDRESSES_MAX; i += kStep) {
    EXPECT_EQ(verdict_on(0x0b000000 + i), XDP_DROP) << i;
    EXPECT_EQ(verdict_on(0x0c000000 + i), XDP_PASS) << i;
    gone.push_back(many[i].network);
  }
  ASSERT_TRUE(list_->unblock(gone).ok());
  for (std::uint32_t i = 0; i < MLG_BLOCKED_ADDRESSES_MAX; i += kStep) {
    EXPECT_EQ(verdict_on(0x0b000000 + i), XDP_PASS) << i;
    EXPECT_EQ(verdict_on(0x0b000000 + i + 1), XDP_DROP) << i;
  }
}

TEST_F(BlocklistTest, TheListOfAnOlderVersionIsTakenOverWithItsCounters) {
  list_.reset();
  plane_.reset();
  LIBBPF_OPTS(bpf_map_create_opts, how);
  how.map_flags = BPF_F_NO_PREALLOC;
  const base::UniqueFd older(bpf_map_create(BPF_MAP_TYPE_HASH, "block_addresses", 16,
                                            sizeof(mlg_block), MLG_BLOCKED_ADDRESSES_MAX, &how));
  ASSERT_TRUE(older.valid());
  const mlg_block block = {0, 7, 700};
  ASSERT_EQ(
      bpf_map_update_elem(older.get(), network("::ffff:10.0.0.1").address.data(), &block, BPF_ANY),
      0);
  const std::string path = pins_.path() + "/block_addresses";
  ASSERT_EQ(bpf_obj_pin(older.get(), path.c_str()), 0);
  DataPlaneOptions options;
  options.pin_folder = pins_.path();
  auto loaded = DataPlane::load(options);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  plane_ = std::move(*loaded);
  EXPECT_EQ(verdict(from4_), XDP_DROP);
  auto opened = Blocklist::open(pins_.path());
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  list_ = std::move(*opened);
  EXPECT_EQ(only_entry().packets, 8U);
  EXPECT_EQ(only_entry().bytes, 700U + from4_.fields.ip_bytes);
  EXPECT_NE(access(path.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace mlguard::xdp
