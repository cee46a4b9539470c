#include "base/bytes.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace mlguard::base {
namespace {

TEST(BytesTest, WhatIsWrittenIsReadBack) {
  std::string bytes;
  ByteWriter out(bytes);
  out.byte(7);
  out.varint(0);
  out.varint(300);
  out.varint(UINT64_MAX);
  out.fixed64(0x0123456789abcdefULL);
  out.counted("text");
  out.raw("end");

  ByteReader in(bytes);
  EXPECT_EQ(in.byte(), 7);
  EXPECT_EQ(in.varint(), 0U);
  EXPECT_EQ(in.varint(), 300U);
  EXPECT_EQ(in.varint(), UINT64_MAX);
  EXPECT_EQ(in.fixed64(), 0x0123456789abcdefULL);
  EXPECT_EQ(in.counted(), "text");
  EXPECT_EQ(in.raw(3), "end");
  EXPECT_TRUE(in.at_end());
}

TEST(BytesTest, AVarintOfMoreThan64BitsFails) {
  const std::string eleven(11, '\x80');
  EXPECT_EQ(ByteReader(eleven).varint(), std::nullopt);
  const std::string too_high = std::string(9, '\xff') + '\x02';
  EXPECT_EQ(ByteReader(too_high).varint(), std::nullopt);
}

TEST(BytesTest, NothingIsReadBeyondTheEndAndEveryReadAfterThatFails) {
  std::string bytes;
  ByteWriter(bytes).varint(1'000'000);  // The length of what does not follow.
  bytes += "abc";
  ByteReader in(bytes);
  EXPECT_EQ(in.counted(), std::nullopt);
  EXPECT_EQ(in.byte(), std::nullopt);
  EXPECT_TRUE(in.failed());
  EXPECT_FALSE(in.at_end());
}

}  // namespace
}  // namespace mlguard::base
