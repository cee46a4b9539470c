#include "firewall/protected_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ProtectedAddresses of_a_host() {
  return ProtectedAddresses({{net("192.0.2.1"), "the default gateway"},
                             {net("192.0.2.10"), "an address of this host"},
                             {net("198.51.100.0/28"), "an endpoint of the control plane"},
                             {net("2001:db8:1::/48"), "allowlisted"},
                             {net("192.0.2.1"), "allowlisted"}});
}

TEST(ProtectedAddressesTest, AStrangerIsBlockedWhole) {
  const Verdict verdict = of_a_host().judge(net("203.0.113.9"), Origin::detector);
  EXPECT_THAT(texts(verdict.pieces), ElementsAre("203.0.113.9"));
  EXPECT_EQ(verdict.why, "");
}

TEST(ProtectedAddressesTest, WhatIsProtectedIsRefusedWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"192.0.2.1", "192.0.2.1 is the default gateway"},
      {"192.0.2.10/32", "192.0.2.10 is an address of this host"},
      {"198.51.100.3", "198.51.100.0/28 is an endpoint of the control plane"},
      {"198.51.100.0/28", "198.51.100.0/28 is an endpoint of the control plane"},
      {"2001:db8:1:2::/64", "2001:db8:1::/48 is allowlisted"},
      {"127.0.0.1", "127.0.0.0/8 is loopback"},
      {"127.0.0.0/8", "127.0.0.0/8 is loopback"},
      {"::1", "::1 is loopback"},
      {"::", ":: is unspecified"},
      {"0.0.0.0", "0.0.0.0/8 is unspecified"},
      {"239.1.2.3", "224.0.0.0/4 is multicast"},
      {"ff02::1", "ff00::/8 is multicast"},
      {"255.255.255.255", "255.255.255.255 is broadcast"}};
  for (const auto& [network, why] : cases) {
    for (const Origin origin : {Origin::operator_, Origin::detector}) {
      const Verdict verdict = of_a_host().judge(net(network), origin);
      EXPECT_THAT(verdict.pieces, IsEmpty()) << network;
      EXPECT_EQ(verdict.why, why) << network;
    }
  }
}

TEST(ProtectedAddressesTest, EveryAddressThereIsCannotBeBlocked) {
  const Verdict verdict = of_a_host().judge(net("0.0.0.0/0"), Origin::operator_);
  EXPECT_THAT(verdict.pieces, IsEmpty());
  EXPECT_THAT(verdict.why, HasSubstr("every address"));
}

TEST(ProtectedAddressesTest, AWidePrefixNeedsAnOperator) {
  const ProtectedAddresses host = of_a_host();
  for (const char* network : {"203.0.0.0/15", "2001:dba::/31"}) {
    const Verdict refused = host.judge(net(network), Origin::detector);
    EXPECT_THAT(refused.pieces, IsEmpty()) << network;
    EXPECT_THAT(refused.why, HasSubstr("operator")) << network;
    EXPECT_EQ(host.judge(net(network), Origin::operator_).why, "") << network;
  }
  EXPECT_EQ(host.judge(net("203.0.0.0/16"), Origin::detector).why, "");
  EXPECT_EQ(host.judge(net("2001:dba::/32"), Origin::detector).why, "");
}

TEST(ProtectedAddressesTest, AWiderRuleBlocksWhatIsNotProtectedInIt) {
  const Verdict verdict = of_a_host().judge(net("192.0.2.0/28"), Origin::detector);
  EXPECT_THAT(texts(verdict.pieces), ElementsAre("192.0.2.0", "192.0.2.2/31", "192.0.2.4/30",
                                                 "192.0.2.8/31", "192.0.2.11", "192.0.2.12/30"));
  EXPECT_EQ(verdict.why, "192.0.2.1 is the default gateway (and 1 more)");
}

TEST(ProtectedAddressesTest, ARuleOfTooManyPiecesIsRefused) {
  std::vector<ProtectedNetwork> many;
  for (unsigned i = 0; i < 5'000; ++i) {
    const std::string text = "10.1." + std::to_string(i / 128) + "." + std::to_string(i % 128 * 2);
    many.push_back({net(text), "allowlisted"});
  }
  const Verdict verdict = ProtectedAddresses(many).judge(net("10.0.0.0/8"), Origin::operator_);
  EXPECT_THAT(verdict.pieces, IsEmpty());
  EXPECT_THAT(verdict.why, HasSubstr("more than 4096 prefixes"));
}

// By trying every protected network, as no clever search does.
TEST(ProtectedAddressesTest, WhatIsFoundIsWhatComparingWithAllFinds) {
  std::mt19937 random(5);
  const auto network = [&random] {
    const auto bits = 16 + random() % 17;
    const std::string text = "10.0." + std::to_string(random() % 2 * 128 + random() % 4) + "." +
                             std::to_string(random() % 4 * 64) + "/" + std::to_string(bits);
    return net(text);
  };
  for (int round = 0; round < 200; ++round) {
    std::vector<ProtectedNetwork> given(random() % 8, {Network(), "given"});
    for (ProtectedNetwork& one : given) one.network = network();
    const ProtectedAddresses all(given);
    for (int i = 0; i < 50; ++i) {
      const Network asked = network();
      const auto touches = [&](const ProtectedNetwork& one) {
        return contains(one.network, asked) || contains(asked, one.network);
      };
      const auto covers = [&](const ProtectedNetwork& one) { return contains(one.network, asked); };
      const bool is_free = std::none_of(given.begin(), given.end(), touches);
      const Verdict verdict = all.judge(asked, Origin::operator_);
      ASSERT_EQ(all.frees(asked, Origin::operator_), is_free);
      ASSERT_EQ(verdict.why.empty(), is_free);
      if (std::any_of(given.begin(), given.end(), covers)) {
        ASSERT_TRUE(verdict.pieces.empty());
      }
    }
  }
}

}  // namespace
}  // namespace mlguard::firewall
