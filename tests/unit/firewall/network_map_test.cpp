#include "firewall/network_map.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

Network random_network(std::mt19937& random, unsigned different) {
  Network network;
  const auto number = static_cast<unsigned>(random() % different);
  network.address[14] = static_cast<std::uint8_t>(number / 256);
  network.address[15] = static_cast<std::uint8_t>(number);
  network.bits = static_cast<std::uint8_t>(number % 3 == 0 ? 128 : 127);
  return network;
}

TEST(NetworkMapTest, HoldsWhatAMapHoldsThroughAnyChanges) {
  std::mt19937 random(3);
  NetworkMap<int> ours;
  std::map<Network, int> theirs;
  for (int i = 0; i < 200'000; ++i) {
    const Network network = random_network(random, i < 100'000 ? 3'000 : 50);
    switch (random() % 4) {
      case 0: ASSERT_EQ(ours.erase(network), theirs.erase(network)); break;
      case 1:
        ASSERT_EQ(ours.try_emplace(network, i).second, theirs.try_emplace(network, i).second);
        break;
      case 2: ours[network] = theirs[network] = i; break;
      default: ASSERT_EQ(ours.count(network), theirs.count(network));
    }
    ASSERT_EQ(ours.size(), theirs.size());
    if (i % 50'000 == 49'999) {
      for (const auto& [one, value] : theirs) ASSERT_EQ(ours.at(one), value);
      std::map<Network, int> listed;
      for (const auto& [one, value] : ours) listed[one] = value;
      ASSERT_EQ(listed, theirs);
    }
  }
}

TEST(NetworkMapTest, AnEmptyOneHoldsNothingAndAClearedOneNothingAnyMore) {
  NetworkMap<std::string> map;
  EXPECT_EQ(map.find(net("192.0.2.1")), map.end());
  EXPECT_EQ(map.erase(net("192.0.2.1")), 0U);
  EXPECT_THROW((void)map.at(net("192.0.2.1")), std::out_of_range);
  map.reserve(1'000);
  map[net("192.0.2.1")] = "one";
  map.clear();
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.count(net("192.0.2.1")), 0U);
  EXPECT_EQ(map.begin(), map.end());
}

}  // namespace
}  // namespace mlguard::firewall
