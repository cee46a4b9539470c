#include "rag/network_key.h"

#include <gtest/gtest.h>

namespace mlguard::rag {
namespace {

std::string canonical(const char* text) {
  const auto key = parse_network_key(text);
  return key ? to_text(*key) : "none";
}

TEST(NetworkKeyTest, IsCanonicalInBothFamilies) {
  EXPECT_EQ(canonical("10.0.0.5"), "10.0.0.5/32");
  EXPECT_EQ(canonical("10.1.2.3/8"), "10.0.0.0/8");
  EXPECT_EQ(canonical("0.0.0.0/0"), "0.0.0.0/0");
  EXPECT_EQ(canonical("::ffff:10.0.0.5"), "10.0.0.5/32");
  EXPECT_EQ(canonical("::ffff:10.0.0.0/104"), "10.0.0.0/8");
  EXPECT_EQ(canonical("2001:DB8::1/48"), "2001:db8::/48");
  EXPECT_EQ(canonical("2001:db8::7"), "2001:db8::7/128");
}

TEST(NetworkKeyTest, WhatIsNoAddressIsNone) {
  for (const char* text : {"", "10.0.0", "10.0.0.5/33", "10.0.0.5/", "10.0.0.5/x", "::/129",
                           "sniffer", "10.0.0.5:22", "10.0.0.5/-1", " 10.0.0.5", "1.2.3.4/8/8"}) {
    EXPECT_EQ(canonical(text), "none") << text;
  }
}

TEST(NetworkKeyTest, WhatANetworkHoldsLiesBetweenItAndItsLast) {
  const auto outer = *parse_network_key("10.0.0.0/8");
  for (const char* inner :
       {"10.0.0.0/8", "10.0.0.0/9", "10.0.0.0", "10.255.255.255", "10.3.0.0/16"}) {
    const auto key = *parse_network_key(inner);
    EXPECT_LE(outer, key) << inner;
    EXPECT_LE(key, last_within(outer)) << inner;
  }
  for (const char* other : {"0.0.0.0/0", "10.0.0.0/7", "9.255.255.255", "11.0.0.0/8", "::/0"}) {
    const auto key = *parse_network_key(other);
    EXPECT_TRUE(key < outer || last_within(outer) < key) << other;
  }
}

TEST(NetworkKeyTest, SupernetsOfIpv4AreIpv4) {
  const auto wider = supernets(*parse_network_key("10.0.0.5"));
  ASSERT_EQ(wider.size(), 32u);
  EXPECT_EQ(to_text(wider.front()), "0.0.0.0/0");
  EXPECT_EQ(to_text(wider.back()), "10.0.0.4/31");
  EXPECT_EQ(supernets(*parse_network_key("2001:db8::/48")).size(), 48u);
}

}  // namespace
}  // namespace mlguard::rag
