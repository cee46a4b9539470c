#include "server/address_counts.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>

namespace mlguard::server {
namespace {

std::optional<AddressKey> key(const std::string& text) {
  sockaddr_storage storage{};
  sockaddr_in ipv4{};
  sockaddr_in6 ipv6{};
  if (inet_pton(AF_INET, text.c_str(), &ipv4.sin_addr) == 1) {
    ipv4.sin_family = AF_INET;
    std::memcpy(&storage, &ipv4, sizeof ipv4);
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &ipv6.sin6_addr), 1) << text;
    ipv6.sin6_family = AF_INET6;
    std::memcpy(&storage, &ipv6, sizeof ipv6);
  }
  return address_key(reinterpret_cast<const sockaddr&>(storage));
}

TEST(AddressKeyTest, LoopbackIsNotLimited) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_FALSE(key(text).has_value()) << text;
  }
  sockaddr_storage local{};
  local.ss_family = AF_UNIX;
  EXPECT_FALSE(address_key(reinterpret_cast<const sockaddr&>(local)).has_value());
  EXPECT_FALSE(remote_address_key(-1).has_value());
}

TEST(AddressKeyTest, AHostIsOneHoweverItComes) {
  EXPECT_TRUE(key("192.0.2.7").has_value());
  EXPECT_EQ(key("192.0.2.7"), key("::ffff:192.0.2.7"));
  EXPECT_NE(key("192.0.2.7"), key("192.0.2.8"));
  EXPECT_EQ(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9")) << "one /64";
  EXPECT_NE(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
  EXPECT_NE(key("fe80::1"), key("fe80::2")) << "link-local hosts share their /64";
}

TEST(AddressCountsTest, WhatIsRemovedMakesRoomAgain) {
  AddressCounts counts(2);
  EXPECT_TRUE(counts.add(1));
  EXPECT_TRUE(counts.add(1));
  EXPECT_FALSE(counts.add(1));
  EXPECT_TRUE(counts.add(2)) << "others do not pay for it";
  counts.remove(1);
  EXPECT_FALSE(counts.add(1)) << "the one over the limit is still there";
  counts.remove(1);
  counts.remove(1);
  EXPECT_TRUE(counts.add(1));
}

}  // namespace
}  // namespace mlguard::server
