#include "bench/load_http.h"

#include <gtest/gtest.h>

namespace mlguard::bench {
namespace {

constexpr std::string_view kCounted =
    "HTTP/1.1 200 OK\r\nX-Sealed: 1\r\nx-original-size: 300\r\nContent-Length: 5\r\n\r\nhello";
constexpr std::string_view kChunked =
    "HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";

TEST(AnswerReaderTest, ReadsACountedAnswerWithTheHeadersOfASeal) {
  AnswerReader reader;
  ASSERT_TRUE(reader.add(kCounted).ok());
  ASSERT_TRUE(reader.whole());
  EXPECT_EQ(reader.answer().status, 200);
  EXPECT_TRUE(reader.answer().sealed);
  EXPECT_EQ(reader.answer().original_size, 300u);
  EXPECT_EQ(reader.answer().body, "hello");
  EXPECT_FALSE(reader.answer().closing);
}

TEST(AnswerReaderTest, AnswersMayArriveByteByByteAndOneAfterTheOther) {
  const std::string both = std::string(kChunked) + std::string(kCounted);
  AnswerReader reader;
  std::size_t at = 0;
  while (!reader.whole()) ASSERT_TRUE(reader.add(both.substr(at++, 1)).ok());
  EXPECT_EQ(at, kChunked.size());
  EXPECT_EQ(reader.answer().status, 503);
  EXPECT_EQ(reader.answer().body, "abc0123456789");
  EXPECT_TRUE(reader.answer().closing);
  ASSERT_TRUE(reader.next().ok());
  while (at < both.size()) ASSERT_TRUE(reader.add(both.substr(at++, 1)).ok());
  ASSERT_TRUE(reader.whole());
  EXPECT_EQ(reader.answer().body, "hello");
}

TEST(AnswerReaderTest, WhatArrivedTogetherIsReadInTurn) {
  AnswerReader reader;
  ASSERT_TRUE(reader.add(std::string(kCounted) + std::string(kChunked)).ok());
  EXPECT_EQ(reader.answer().body, "hello");
  ASSERT_TRUE(reader.next().ok());
  ASSERT_TRUE(reader.whole());
  EXPECT_EQ(reader.answer().body, "abc0123456789");
}

TEST(AnswerReaderTest, AnEndlessAnswerShowsWhatHasArrived) {
  AnswerReader reader;
  ASSERT_TRUE(reader.add("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n").ok());
  EXPECT_TRUE(reader.has_head());
  EXPECT_FALSE(reader.whole());
  EXPECT_EQ(reader.answer().body, "{}");
}

TEST(AnswerReaderTest, NonsenseIsRefused) {
  for (const std::string_view text :
       {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    AnswerReader reader;
    EXPECT_FALSE(reader.add(text).ok()) << text;
  }
  AnswerReader reader;
  EXPECT_FALSE(reader.add(std::string(2 * kAnswerHeadBytesMax, 'x')).ok());
}

}  // namespace
}  // namespace mlguard::bench
