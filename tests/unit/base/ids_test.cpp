#include "base/ids.h"

#include <gtest/gtest.h>

namespace mlguard::base {
namespace {

TEST(IdsTest, RequestIdsBeginWithTheTimeSoThatLaterOnesSortLater) {
  const std::string first = request_id(0x18f'0000'00ff);
  const std::string second = request_id(0x18f'0000'0100);
  EXPECT_EQ(first.size(), 32u);
  EXPECT_EQ(first.substr(0, 12), "018f000000ff");
  EXPECT_LT(first, second);
  EXPECT_NE(first, request_id(0x18f'0000'00ff));
}

TEST(IdsTest, RandomHexHasTwoCharactersAByteAndDiffersEachTime) {
  const std::string first = random_hex(16);
  EXPECT_EQ(first.size(), 32u);
  EXPECT_NE(first, random_hex(16));
}

TEST(IdsTest, HexRoundTripsEveryByte) {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const Result<std::string> back = from_hex(to_hex(bytes));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, bytes);
}

TEST(IdsTest, HexOfOddLengthOrOtherCharactersIsRefused) {
  EXPECT_FALSE(from_hex("abc").ok());
  EXPECT_FALSE(from_hex("zz").ok());
}

TEST(IdsTest, NamesThatFitADnsLabelAreAccepted) {
  for (const char* name : {"sniffer", "ml-detector", "a", "sniffer-2", "x0"}) {
    EXPECT_TRUE(check_component_name(name).ok()) << name;
  }
  EXPECT_TRUE(check_component_name(std::string(kComponentNameCharsMax, 'a')).ok());
}

TEST(IdsTest, OtherNamesAreRefusedWithTheRuleTheyBreak) {
  const std::string too_long(kComponentNameCharsMax + 1, 'a');
  for (const char* name : {"", "Sniffer", "-a", "a-", "1a", "a/b", "a b", "../x", "a\n", "ä"}) {
    const Status checked = check_component_name(name);
    ASSERT_FALSE(checked.ok()) << name;
    EXPECT_EQ(checked.error().reason, "invalid_name");
  }
  EXPECT_FALSE(check_component_name(too_long).ok());
}

}  // namespace
}  // namespace mlguard::base
