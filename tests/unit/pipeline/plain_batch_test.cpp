#include "pipeline/plain_batch.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <utility>

#include "tests/unit/pipeline/samples.h"

namespace mlguard::pipeline {
namespace {

using flow::FlowRecord;

std::string bytes_of(std::vector<FlowRecord> flows) {
  return encode_batch({"sniffer", "00112233445566778899aabbccddeeff", 7, std::move(flows)});
}

// A field that nobody knows, of no bytes: protobuf skips it, and the batch is not plain any more.
std::string for_the_general_reader(const std::string& bytes) {
  return bytes + std::string("\x3a\0", 2);
}

void expect_same(const base::Result<FlowBatch>& a, const base::Result<FlowBatch>& b) {
  ASSERT_EQ(a.ok(), b.ok()) << (a.ok() ? b.error().message : a.error().message);
  if (!a.ok()) {
    ASSERT_EQ(a.error().reason, b.error().reason);
    ASSERT_EQ(a.error().message, b.error().message);
    return;
  }
  ASSERT_EQ(a->sniffer, b->sniffer);
  ASSERT_EQ(a->instance_id, b->instance_id);
  ASSERT_EQ(a->sequence, b->sequence);
  ASSERT_EQ(a->flows.size(), b->flows.size());
  for (std::size_t i = 0; i < a->flows.size(); ++i) {
    ASSERT_TRUE(same_bits(a->flows[i], b->flows[i])) << i;
  }
}

TEST(PlainBatchTest, WhatASnifferSendsIsReadWithoutProtobuf) {
  const std::vector<FlowRecord> records = sample_records(2'000);
  const std::string bytes = bytes_of(records);
  const auto plain = read_plain_batch(bytes);
  ASSERT_TRUE(plain);
  ASSERT_EQ(plain->batch.flows.size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_TRUE(same_bits(plain->batch.flows[i], records[i])) << i;
  }
  ASSERT_FALSE(read_plain_batch(for_the_general_reader(bytes)));
  expect_same(decode_batch(bytes), decode_batch(for_the_general_reader(bytes)));
  EXPECT_TRUE(read_plain_batch(bytes_of({})));
}

TEST(PlainBatchTest, MoreFlowsThanMayBeAreForTheGeneralReader) {
  std::string bytes = bytes_of(std::vector<FlowRecord>(kFlowsPerBatchMax, sample_records(1)[0]));
  EXPECT_TRUE(read_plain_batch(bytes));
  const std::string one = bytes_of({sample_records(1)[0]});
  bytes += one.substr(one.find('\x32', 40));
  EXPECT_FALSE(read_plain_batch(bytes));
  EXPECT_EQ(decode_batch(bytes).error().reason, "batch_too_large");
}

// Bytes that are wrong in one place or in several: both readers take or refuse the same.
TEST(PlainBatchTest, BothReadersAgreeOnBrokenBytes) {
  const std::string bytes = bytes_of(sample_records(4));
  std::mt19937 random(11);
  std::size_t taken = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string broken = bytes;
    for (std::size_t edits = 1 + random() % 2; edits > 0; --edits) {
      const std::size_t at = random() % broken.size();
      switch (random() % 4) {
        case 0: broken[at] = static_cast<char>(random()); break;
        case 1: broken[at] = static_cast<char>(broken[at] ^ (1 << random() % 8)); break;
        case 2: broken.erase(at, 1 + random() % 3); break;
        default: broken.insert(at, 1, static_cast<char>(random())); break;
      }
    }
    if (!read_plain_batch(broken)) continue;
    ++taken;
    const auto general = decode_batch(for_the_general_reader(broken));
    ASSERT_NO_FATAL_FAILURE(expect_same(decode_batch(broken), general)) << i;
  }
  EXPECT_GT(taken, 20'000U) << "most bytes are values, and those are as plain as others";
}

}  // namespace
}  // namespace mlguard::pipeline
