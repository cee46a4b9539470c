// Both ends over loopback: what is offered arrives, what is not fit is refused, nothing blocks.
#include <gtest/gtest.h>

#include <thread>
#include <zmq.hpp>

#include "pipeline/flow_receiver.h"
#include "pipeline/flow_sender.h"
#include "pipeline/pipe_endpoint.h"
#include "tests/support/wait_until.h"
#include "tests/unit/pipeline/samples.h"

namespace mlguard::pipeline {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatience = 30s;

std::unique_ptr<FlowReceiver> receiver(const base::Clock& clock,
                                       std::vector<base::PipelineKey> keys = {pipeline_key(1)}) {
  auto made = FlowReceiver::bind({"tcp://127.0.0.1:0"}, clock);
  EXPECT_TRUE(made.ok());
  EXPECT_TRUE((*made)->set_keys(keys).ok());
  return std::move(*made);
}

std::unique_ptr<FlowSender> sender(const std::string& endpoint, const base::Clock& clock,
                                   FlowSenderOptions options = {}) {
  options.endpoint = endpoint;
  if (options.sniffer.empty()) options.sniffer = "sniffer";
  auto made = FlowSender::start(options, clock);
  EXPECT_TRUE(made.ok());
  return std::move(*made);
}

// Receives until so many flows are there, or nothing comes any more.
std::vector<flow::FlowRecord> collect(FlowReceiver& from, std::size_t flows) {
  std::vector<flow::FlowRecord> all;
  while (all.size() < flows) {
    auto batch = from.receive(kPatience);
    if (!batch.ok() || !*batch) break;
    all.insert(all.end(), (*batch)->flows.begin(), (*batch)->flows.end());
  }
  return all;
}

TEST(PipeTest, WhatIsOfferedArrivesInOrder) {
  const base::ManualClock clock;
  const auto to = receiver(clock);
  const auto from = sender(to->endpoint(), clock, {"", "sniffer-dmz", 64, 50ms});
  ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
  const std::vector<flow::FlowRecord> records = sample_records(1'000);
  for (const auto& record : records) ASSERT_TRUE(from->offer(record));
  const std::vector<flow::FlowRecord> arrived = collect(*to, records.size());
  ASSERT_EQ(arrived.size(), records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    ASSERT_TRUE(same_bits(arrived[i], records[i])) << i;
  }
  EXPECT_TRUE(from->drain(kPatience));
  const FlowSenderCounters sent = from->counters();
  EXPECT_EQ(sent.flows_offered, records.size());
  EXPECT_EQ(sent.flows_sent, records.size());
  EXPECT_EQ(sent.flows_shed + sent.flows_invalid + sent.flows_queued + sent.batches_shed, 0u);
  EXPECT_EQ(to->counters().batches, sent.batches_sent);
  EXPECT_EQ(to->counters().bytes, sent.bytes_sent);
  EXPECT_EQ(to->counters().flows, records.size());
}

TEST(PipeTest, WithoutAKeyFlowsWaitAndWhatFindsNoRoomIsShed) {
  const base::ManualClock clock;
  const auto to = receiver(clock);
  const auto from = sender(to->endpoint(), clock, {"", "", 1'000, 1ms});
  const auto records = sample_records(1);
  for (std::size_t i = 0; i < kQueuedFlowsMax; ++i) ASSERT_TRUE(from->offer(records[0]));
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(from->offer(records[0]));
  EXPECT_FALSE(from->drain(1ms));
  EXPECT_FALSE(from->counters().has_key);
  EXPECT_EQ(from->counters().flows_shed, 5u);
  EXPECT_EQ(from->counters().flows_queued, kQueuedFlowsMax);
  ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
  EXPECT_EQ(collect(*to, kQueuedFlowsMax).size(), kQueuedFlowsMax);
  EXPECT_TRUE(from->counters().has_key);
}

TEST(PipeTest, ASenderKnowsWhetherADetectorIsThere) {
  const base::ManualClock clock;
  auto to = receiver(clock);
  const std::string endpoint = to->endpoint();
  const auto from = sender(endpoint, clock);
  const auto is = [&](bool connected) {
    return support::wait_until([&] { return from->counters().connected == connected; });
  };
  EXPECT_TRUE(is(true));
  to.reset();
  EXPECT_TRUE(is(false));
  to = receiver(clock);
  ASSERT_TRUE(from->set_endpoint(to->endpoint()).ok());
  EXPECT_TRUE(is(true));
}

TEST(PipeTest, AnAnnouncedKeyIsUsedOnceItIsActive) {
  base::ManualClock clock;
  const auto to = receiver(clock);
  const auto from = sender(to->endpoint(), clock, {"", "", 1, 1ms});
  ASSERT_TRUE(from->set_keys({pipeline_key(1, clock.wall_ms() + 1'000)}).ok());
  ASSERT_TRUE(from->offer(sample_records(1)[0]));
  EXPECT_FALSE(from->drain(100ms));
  clock.advance_ms(1'000);
  EXPECT_EQ(collect(*to, 1).size(), 1u);
}

TEST(PipeTest, ADetectorThatTakesNothingCostsBatchesAndNeverBlocks) {
  const base::ManualClock clock;
  // Nobody listens there: the socket's queue is all the room there is.
  const auto from = sender("ipc:///nonexistent/detector", clock, {"", "", 1, 1ms});
  ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
  const auto record = sample_records(1)[0];
  constexpr std::size_t kOffered = kQueuedBatches + 3;
  for (std::size_t i = 0; i < kOffered; ++i) EXPECT_TRUE(from->offer(record));
  EXPECT_TRUE(from->drain(kPatience)) << "what cannot be sent is shed";
  const FlowSenderCounters counters = from->counters();
  EXPECT_GE(counters.batches_shed, 1u);
  EXPECT_EQ(counters.batches_shed, counters.flows_shed);
  EXPECT_EQ(counters.flows_sent + counters.flows_shed, kOffered);
}

TEST(PipeTest, ARecordThatCannotBeTrueIsNotSent) {
  const base::ManualClock clock;
  const auto from = sender("tcp://127.0.0.1:9", clock);
  flow::FlowRecord record = sample_records(1)[0];
  record.counters = {};
  EXPECT_FALSE(from->offer(record));
  EXPECT_EQ(from->counters().flows_invalid, 1u);
  EXPECT_EQ(from->counters().flows_queued, 0u);
}

TEST(PipeTest, ASenderChangesToAnotherDetectorAndAReceiverToAnotherPort) {
  const base::ManualClock clock;
  const auto one = receiver(clock);
  const auto two = receiver(clock);
  const auto from = sender(one->endpoint(), clock, {"", "", 1, 1ms});
  ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
  const auto record = sample_records(1)[0];
  ASSERT_TRUE(from->offer(record));
  EXPECT_EQ(collect(*one, 1).size(), 1u);
  ASSERT_TRUE(from->set_endpoint(two->endpoint()).ok());
  ASSERT_TRUE(from->drain(kPatience));
  ASSERT_TRUE(from->offer(record));
  EXPECT_EQ(collect(*two, 1).size(), 1u);

  EXPECT_EQ(from->set_endpoint("tcp://nowhere").error().reason, "invalid_endpoint");
  const std::string before = two->endpoint();
  EXPECT_EQ(two->rebind(one->endpoint()).error().reason, "endpoint") << "it is taken";
  EXPECT_EQ(two->endpoint(), before);
  ASSERT_TRUE(two->rebind("tcp://127.0.0.1:0").ok());
  EXPECT_NE(two->endpoint(), before);
  ASSERT_TRUE(from->set_endpoint(two->endpoint()).ok());
  ASSERT_TRUE(from->offer(record));
  EXPECT_EQ(collect(*two, 1).size(), 1u);
}

TEST(PipeTest, ASenderMayChangeItsDetectorOften) {
  const base::ManualClock clock;
  const auto to = receiver(clock);
  const auto from = sender(to->endpoint(), clock, {"", "", 1, 1ms});
  ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
  const auto record = sample_records(1)[0];
  constexpr int kChanges = 100;
  for (int i = 0; i < kChanges; ++i) {
    ASSERT_TRUE(to->rebind("tcp://127.0.0.1:0").ok());
    ASSERT_TRUE(from->set_endpoint(to->endpoint()).ok());
    ASSERT_TRUE(from->offer(record));
    ASSERT_EQ(collect(*to, 1).size(), 1u) << "after " << i << " changes";
  }
}

TEST(PipeTest, StrangersAreCountedAndHarmNobody) {
  const base::ManualClock clock;
  const auto to = receiver(clock);
  zmq::context_t context;
  zmq::socket_t stranger(context, zmq::socket_type::push);
  stranger.set(zmq::sockopt::linger, 0);
  stranger.connect(to->endpoint());
  stranger.send(zmq::str_buffer("hello"), zmq::send_flags::none);
  stranger.send(zmq::str_buffer("two"), zmq::send_flags::sndmore);
  stranger.send(zmq::str_buffer("parts"), zmq::send_flags::none);
  BatchSealer sealer;
  const auto keys = *Keyring::of({pipeline_key(1)});
  const std::string lie = *sealer.seal(keys, 0, "sealed, and no batch");
  stranger.send(zmq::buffer(lie), zmq::send_flags::none);
  FlowBatch batch{"sniffer", sealer.instance_id(), 99, sample_records(1)};
  const std::string other = *sealer.seal(keys, 0, encode_batch(batch));
  stranger.send(zmq::buffer(other), zmq::send_flags::none);
  batch.sequence = sealer.next_sequence();
  const std::string good = *sealer.seal(keys, 0, encode_batch(batch));
  stranger.send(zmq::buffer(good), zmq::send_flags::none);
  stranger.send(zmq::buffer(good), zmq::send_flags::none);
  EXPECT_EQ(collect(*to, 1).size(), 1u);
  // What came last is nothing, and it has come.
  EXPECT_TRUE(support::wait_until([&] {
    const auto none = to->receive(50ms);
    EXPECT_TRUE(none.ok() && !none->has_value());
    return to->counters().refused_by(Refusal::replayed) > 0;
  }));
  const FlowReceiverCounters counters = to->counters();
  EXPECT_EQ(counters.refused_by(Refusal::malformed), 2u);
  EXPECT_EQ(counters.refused_by(Refusal::bad_batch), 2u);
  EXPECT_EQ(counters.refused_by(Refusal::replayed), 1u);
  EXPECT_EQ(counters.batches, 1u);
  EXPECT_NE(counters.last_problem.find("sequence"), std::string::npos);

  const std::string huge(kFrameBytesMax + 1, 'x');
  stranger.send(zmq::buffer(huge), zmq::send_flags::none);
  const auto from = sender(to->endpoint(), clock, {"", "", 1, 1ms});
  ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
  ASSERT_TRUE(from->offer(sample_records(1)[0]));
  EXPECT_EQ(collect(*to, 1).size(), 1u);
}

TEST(PipeTest, StopEndsAReceiveInProgress) {
  const base::ManualClock clock;
  const auto to = receiver(clock);
  std::thread stopper([&to] { to->stop(); });
  const auto batch = to->receive(60s);
  stopper.join();
  ASSERT_FALSE(batch.ok());
  EXPECT_EQ(batch.error().reason, "stopped");
}

TEST(PipeTest, WhatIsOfferedLastLeavesBeforeTheEnd) {
  const base::ManualClock clock;
  const auto to = receiver(clock);
  {
    const auto from = sender(to->endpoint(), clock, {"", "", 1'000, 60s});
    ASSERT_TRUE(from->set_keys({pipeline_key(1)}).ok());
    for (const auto& record : sample_records(10)) ASSERT_TRUE(from->offer(record));
  }
  EXPECT_EQ(collect(*to, 10).size(), 10u);
}

TEST(PipeTest, WrongOptionsAreRefusedByName) {
  const base::ManualClock clock;
  const auto reason = [&clock](const FlowSenderOptions& options) {
    return FlowSender::start(options, clock).error().reason;
  };
  EXPECT_EQ(reason({"tcp://a:1", "No Name"}), "invalid_name");
  EXPECT_EQ(reason({"http://a:1", "sniffer"}), "invalid_endpoint");
  EXPECT_EQ(reason({"tcp://a:1", "sniffer", 0}), "invalid_batching");
  EXPECT_EQ(reason({"tcp://a:1", "sniffer", kFlowsPerBatchMax + 1}), "invalid_batching");
  EXPECT_EQ(reason({"tcp://a:1", "sniffer", 1, 0ms}), "invalid_batching");
  for (const char* good :
       {"tcp://*:5560", "tcp://[::1]:5560", "tcp://host.example:1", "ipc:///a"}) {
    EXPECT_TRUE(check_pipe_endpoint(good).ok()) << good;
  }
  for (const char* bad : {"", "tcp://", "tcp://:1", "tcp://a", "tcp://a:", "tcp://a:65536",
                          "tcp://a:1x", "tcp://a b:1", "tcp://::1:1", "ipc://", "inproc://a"}) {
    EXPECT_FALSE(check_pipe_endpoint(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace mlguard::pipeline
