#include "replicator/message_codec.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mlguard::replicator {
namespace {

Digest digest_of(std::uint8_t seed) {
  Digest digest{};
  for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(seed + i);
  return digest;
}

std::vector<Message> one_of_each() {
  const Entry entry{7, 3, digest_of(1), std::string("pay\0load", 8)};
  std::vector<Body> bodies = {
      Ping{9, 8, 7},
      Pong{5},
      VoteRequest{VoteKind::transfer, 9, 4},
      VoteReply{VoteKind::real, true},
      Fetch{3, 41, digest_of(2), 39},
      FetchReply{3, FetchOutcome::entries, 44, 41, {entry, entry}},
      Probe{4, {{1, digest_of(3)}, {2, digest_of(4)}}},
      ProbeReply{4, 1},
      MergeTail{6, 43, {entry}},
      MergeReply{6},
      TransferNow{},
  };
  std::vector<Message> messages;
  for (Body& body : bodies) {
    messages.push_back({"localhost:2379", "localhost:2380", 8, std::move(body)});
  }
  return messages;
}

TEST(MessageCodecTest, EachKindComesBackAsItWent) {
  for (const Message& message : one_of_each()) {
    const std::string bytes = encode(message);
    const auto decoded = decode_message(bytes);
    ASSERT_TRUE(decoded.ok()) << name_of(message.body);
    EXPECT_EQ(decoded->from, message.from);
    EXPECT_EQ(decoded->to, message.to);
    EXPECT_EQ(decoded->term, message.term);
    ASSERT_EQ(decoded->body.index(), message.body.index());
    // The same bytes again: nothing of the body is lost.
    EXPECT_EQ(encode(*decoded), bytes) << name_of(message.body);
  }
}

TEST(MessageCodecTest, WhatIsCutShortOrHasSomethingBehindItIsRefused) {
  for (const Message& message : one_of_each()) {
    const std::string bytes = encode(message);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_message(bytes.substr(0, size)).ok()) << name_of(message.body) << size;
    }
    EXPECT_FALSE(decode_message(bytes + "x").ok()) << name_of(message.body);
  }
}

TEST(MessageCodecTest, UnknownKindsFormatsAndNumbersAreRefused) {
  std::string bytes = encode(one_of_each()[0]);
  bytes[0] = 2;
  EXPECT_FALSE(decode_message(bytes).ok());
  bytes[0] = 1;
  bytes[1] = 11;
  EXPECT_FALSE(decode_message(bytes).ok());
  std::string vote = encode(one_of_each()[3]);
  vote.back() = 2;  // Neither granted nor not.
  EXPECT_FALSE(decode_message(vote).ok());
  Message anonymous = one_of_each()[0];
  anonymous.from.clear();
  EXPECT_FALSE(decode_message(encode(anonymous)).ok());
}

TEST(MessageCodecTest, MoreEntriesThanAreAllowedAreRefused) {
  FetchReply reply;
  reply.entries.resize(kFetchEntriesMax + 1);
  EXPECT_FALSE(decode_message(encode(Message{"a:1", "b:1", 1, reply})).ok());
  reply.entries.pop_back();
  EXPECT_TRUE(decode_message(encode(Message{"a:1", "b:1", 1, reply})).ok());
}

}  // namespace
}  // namespace mlguard::replicator
