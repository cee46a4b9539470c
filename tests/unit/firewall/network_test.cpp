#include "firewall/network.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using ::testing::ElementsAre;

TEST(NetworkTest, TextIsCanonical) {
  EXPECT_EQ(to_text(net("192.0.2.7")), "192.0.2.7");
  EXPECT_EQ(to_text(net("192.0.2.7/32")), "192.0.2.7");
  EXPECT_EQ(to_text(net("192.0.2.7/24")), "192.0.2.0/24");
  EXPECT_EQ(to_text(net("10.255.0.0/9")), "10.128.0.0/9");
  EXPECT_EQ(to_text(net("2001:DB8::1/48")), "2001:db8::/48");
  EXPECT_EQ(to_text(net("2001:db8::1")), "2001:db8::1");
  EXPECT_EQ(net("10.0.0.0/8").bits, 104);
  EXPECT_EQ(written_bits(net("10.0.0.0/8")), 8U);
  EXPECT_EQ(written_bits(net("2001:db8::/48")), 48U);
}

TEST(NetworkTest, WhatIsNoNetworkIsRefusedByName) {
  for (const std::string text : {"", "x", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "1.2.3.4/-1",
                                 "1.2.3.4/2x", "2001:db8::/129", "256.1.1.1", "1.2.3.4/24/24"}) {
    const auto parsed = parse_network(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().reason, "invalid_cidr") << text;
  }
  EXPECT_FALSE(parse_network(std::string("1.2.3.4\0", 8)).ok());
}

TEST(NetworkTest, Ipv4InsideIpv6IsRefused) {
  for (const std::string text :
       {"::ffff:192.0.2.7", "::ffff:0:0/96", "::ffff:c000:207/120", "::/0", "::/64", "::/80"}) {
    const auto parsed = parse_network(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().reason, "mapped_address") << text;
  }
  EXPECT_TRUE(parse_network("::1").ok());
  EXPECT_TRUE(parse_network("::/96").ok());
}

TEST(NetworkTest, ContainmentIsByPrefix) {
  EXPECT_TRUE(contains(net("10.0.0.0/8"), net("10.1.2.3")));
  EXPECT_TRUE(contains(net("10.0.0.0/8"), net("10.0.0.0/8")));
  EXPECT_FALSE(contains(net("10.1.2.3"), net("10.0.0.0/8")));
  EXPECT_FALSE(contains(net("10.0.0.0/8"), net("11.0.0.0/8")));
  EXPECT_FALSE(contains(net("2001:db8::/32"), net("10.1.2.3")));
  EXPECT_LT(net("10.0.0.0/8"), net("10.0.0.0/9"));
  EXPECT_LT(net("10.0.0.0/9"), net("10.0.0.1"));
}

TEST(NetworkTest, WithoutAHoleTheRestIsCoveredByAsFewAsPossible) {
  const std::vector<Network> hole = {net("192.0.2.130")};
  const auto rest = without(net("192.0.2.128/29"), hole, 100);
  ASSERT_TRUE(rest.ok());
  EXPECT_THAT(texts(*rest), ElementsAre("192.0.2.128/31", "192.0.2.131", "192.0.2.132/30"));
  const std::vector<Network> all = {net("192.0.2.128/30"), net("192.0.2.132/30")};
  const auto nothing = without(net("192.0.2.128/29"), all, 100);
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->empty());
}

// Every address of a small network, one by one: in the pieces exactly when in no hole.
TEST(NetworkTest, EveryAddressIsInThePiecesOrInAHole) {
  const Network whole = net("198.51.100.0/24");
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::vector<Network> holes;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned at = (seed * 37 + i * 71 + i * i * 13) % 256;
      holes.push_back(net("198.51.100." + std::to_string(at) + "/" + std::to_string(32 - i % 3)));
    }
    const auto pieces = without(whole, holes, 1000);
    ASSERT_TRUE(pieces.ok());
    for (unsigned host = 0; host < 256; ++host) {
      const Network one = net("198.51.100." + std::to_string(host));
      const auto holds = [&](const Network& network) { return contains(network, one); };
      const auto in_pieces = std::count_if(pieces->begin(), pieces->end(), holds);
      const bool in_hole = std::any_of(holes.begin(), holes.end(), holds);
      ASSERT_EQ(in_pieces, in_hole ? 0 : 1) << seed << " " << host;
    }
  }
}

TEST(NetworkTest, TooManyPiecesAreAnError) {
  const std::vector<Network> hole = {net("10.1.2.3")};
  EXPECT_TRUE(without(net("10.0.0.0/8"), hole, 24).ok());
  const auto refused = without(net("10.0.0.0/8"), hole, 23);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "too_many_pieces");
}

}  // namespace
}  // namespace mlguard::firewall
