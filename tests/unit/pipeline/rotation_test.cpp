// Keys rotate under load, and either end hears of it late: not one batch is lost or refused.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "pipeline/flow_receiver.h"
#include "pipeline/flow_sender.h"
#include "tests/support/wait_until.h"
#include "tests/unit/pipeline/samples.h"

namespace mlguard::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kGraceMs = 600'000;
constexpr std::size_t kFlows = 40'000;
constexpr std::uint64_t kRotations = 12;

// The keys at `now`: rotation k is announced at k * 3 * grace, active one grace later, and its
// predecessor retires after another one.
std::vector<base::PipelineKey> keys_at(std::int64_t start_ms, std::int64_t now_ms) {
  std::vector<base::PipelineKey> keys = {pipeline_key(1)};
  for (std::uint64_t k = 1; start_ms + static_cast<std::int64_t>(k) * 3 * kGraceMs <= now_ms; ++k) {
    const std::int64_t announced = start_ms + static_cast<std::int64_t>(k) * 3 * kGraceMs;
    keys.back().retires_at_ms = announced + 2 * kGraceMs;
    keys.push_back(pipeline_key(k + 1, announced + kGraceMs));
  }
  std::erase_if(keys, [now_ms](const base::PipelineKey& key) {
    return key.retires_at_ms != 0 && key.retires_at_ms <= now_ms;
  });
  return keys;
}

TEST(RotationTest, KeysRotateUnderLoadWithoutALostOrRefusedBatch) {
  base::ManualClock clock;
  const std::int64_t start_ms = clock.wall_ms();
  auto to = FlowReceiver::bind({"tcp://127.0.0.1:0"}, clock);
  ASSERT_TRUE(to.ok());
  auto from = FlowSender::start({(*to)->endpoint(), "sniffer", 20, 5ms}, clock);
  ASSERT_TRUE(from.ok());
  ASSERT_TRUE((*from)->set_keys(keys_at(start_ms, start_ms)).ok());
  ASSERT_TRUE((*to)->set_keys(keys_at(start_ms, start_ms)).ok());

  std::uint64_t arrived = 0;  // Read after the thread has ended.
  std::thread detector([&] {
    while (arrived < kFlows) {
      const auto batch = (*to)->receive(30s);
      if (!batch.ok() || !*batch) return;
      arrived += (*batch)->flows.size();
    }
  });
  std::atomic<bool> offering = true;
  std::atomic<std::uint64_t> newest_key = 1;
  // Half a grace a step, and each end in turn hears of the keys one step after the other. Nothing
  // is on its way for a whole grace: what was offered a step ago has arrived before the next one.
  std::thread control_plane([&] {
    std::uint64_t offered_before = 0;
    for (std::uint64_t step = 1; step <= kRotations * 6 + 6; ++step) {
      EXPECT_TRUE(support::wait_until([&] { return (*to)->counters().flows >= offered_before; }));
      offered_before = (*from)->counters().flows_offered;
      clock.advance_ms(kGraceMs / 2);
      const auto keys = keys_at(start_ms, clock.wall_ms());
      newest_key = keys.back().id;
      const bool sender_first = step / 6 % 2 == 0;
      EXPECT_TRUE((sender_first ? (*from)->set_keys(keys) : (*to)->set_keys(keys)).ok());
      std::this_thread::sleep_for(5ms);
      EXPECT_TRUE((sender_first ? (*to)->set_keys(keys) : (*from)->set_keys(keys)).ok());
      std::this_thread::sleep_for(10ms);
      if (step == kRotations * 6 + 6) offering = false;
    }
  });
  const auto records = sample_records(200);
  std::size_t offered = 0;
  while (offered < kFlows) {
    // As fast as it goes without shedding; the last ones wait for the last key.
    const auto counters = (*from)->counters();
    const bool is_slow = counters.batches_sent > (*to)->counters().batches + kQueuedBatches / 2;
    const bool spare_for_later = offering && offered > kFlows * 9 / 10;
    if (is_slow || counters.flows_queued > 200 || spare_for_later) {
      std::this_thread::sleep_for(1ms);
    } else {
      ASSERT_TRUE((*from)->offer(records[offered++ % records.size()]));
    }
  }
  control_plane.join();
  detector.join();

  EXPECT_GT(newest_key, kRotations);
  EXPECT_EQ(arrived, kFlows);
  const FlowReceiverCounters counters = (*to)->counters();
  for (std::size_t i = 0; i < kRefusals; ++i) {
    EXPECT_EQ(counters.refused[i], 0u) << to_string(static_cast<Refusal>(i));
  }
  // What has arrived may not be counted as sent yet.
  EXPECT_TRUE((*from)->drain(30s));
  const FlowSenderCounters sent = (*from)->counters();
  EXPECT_EQ(sent.flows_shed + sent.batches_shed, 0u);
  EXPECT_EQ(counters.batches, sent.batches_sent);
}

}  // namespace
}  // namespace mlguard::pipeline
