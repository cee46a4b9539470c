#include "ml_detector/networks.h"

#include <gtest/gtest.h>

namespace mlguard::ml_detector {
namespace {

flow::Address address(const char* text) { return parse_address(text).value(); }

TEST(NetworksTest, ANetworkHoldsItsAddressesOfItsFamilyOnly) {
  const Network ten = parse_network("10.0.0.9/8").value();
  EXPECT_TRUE(ten.contains(address("10.255.0.1")));
  EXPECT_FALSE(ten.contains(address("11.0.0.1")));
  EXPECT_FALSE(ten.contains(address("2001:db8::1")));
  const Network odd = parse_network("192.0.2.128/25").value();
  EXPECT_TRUE(odd.contains(address("192.0.2.128")));
  EXPECT_FALSE(odd.contains(address("192.0.2.127")));
  const Network six = parse_network("2001:db8::/32").value();
  EXPECT_TRUE(six.contains(address("2001:db8:ffff::1")));
  EXPECT_FALSE(six.contains(address("2001:db9::1")));
  EXPECT_TRUE(parse_network("0.0.0.0/0")->contains(address("8.8.8.8")));
  EXPECT_FALSE(parse_network("0.0.0.0/0")->contains(address("2001:db8::1")));
}

TEST(NetworksTest, OnlyAddressesAndNetworksAreRead) {
  for (const char* text : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0", "x/8",
                           "2001:db8::/129", "10.0.0.0/8 "}) {
    EXPECT_FALSE(parse_network(text)) << text;
  }
}

TEST(NetworksTest, NeighboursShareA24OrA48) {
  EXPECT_TRUE(neighbourhood_of(address("192.0.2.1")).contains(address("192.0.2.254")));
  EXPECT_FALSE(neighbourhood_of(address("192.0.2.1")).contains(address("192.0.3.1")));
  EXPECT_TRUE(neighbourhood_of(address("2001:db8:1:2::1")).contains(address("2001:db8:1:3::1")));
  EXPECT_FALSE(neighbourhood_of(address("2001:db8:1::1")).contains(address("2001:db8:2::1")));
}

TEST(NetworksTest, WhatIsNoHostIsSpecial) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.251", "255.255.255.255",
                           "::", "::1", "fe80::1", "ff02::1"}) {
    EXPECT_TRUE(is_special(address(text))) << text;
  }
  for (const char* text : {"10.0.0.1", "8.8.8.8", "223.255.255.1", "2001:db8::1", "fd00::1"}) {
    EXPECT_FALSE(is_special(address(text))) << text;
  }
}

}  // namespace
}  // namespace mlguard::ml_detector
