// Records as the tracker makes them, keys, and equality to the last bit: what the tests of
// components/pipeline share. Header only.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "base/model.h"
#include "flow/tracker.h"
#include "tests/unit/flow/packets.h"

namespace mlguard::pipeline {

// Records of random traffic of a few hosts, with every reason to close and several parts.
inline std::vector<flow::FlowRecord> sample_records(std::size_t count, std::uint64_t seed = 1) {
  flow::TrackerOptions options;
  options.flows_max = 64;
  options.active_timeout_ns = 2 * flow::kNsPerSecond;
  options.idle_timeout_ns = flow::kNsPerSecond;
  flow::Recorder recorder(options);
  std::mt19937_64 random(seed);
  std::uint64_t at_ns = 0;
  while (recorder.records.size() < count) {
    flow::Ends ends{static_cast<std::uint32_t>(random() % 9 + 1), 40,
                    static_cast<std::uint16_t>(50'000 + random() % 3),
                    static_cast<std::uint16_t>(random() % 4)};
    // One conversation goes on and on; the others come and go.
    if (random() % 4 == 0) ends = flow::Ends{60, 40, 50'000, 2};
    if (random() % 3 == 0) ends = ends.back();
    const auto payload = static_cast<std::uint32_t>(random() % 1'400);
    const bool is_udp = ends.from_port % 2 == 0 && ends.to_port % 2 == 0;
    constexpr int kFlags[] = {MLG_TCP_SYN,
                              MLG_TCP_ACK,
                              MLG_TCP_ACK | MLG_TCP_PSH,
                              MLG_TCP_FIN | MLG_TCP_ACK,
                              MLG_TCP_SYN | MLG_TCP_ACK,
                              MLG_TCP_ACK,
                              MLG_TCP_ACK,
                              MLG_TCP_RST};
    at_ns += random() % (20 * flow::kMs);
    recorder.add(is_udp ? flow::udp(ends, payload) : flow::tcp(ends, kFlags[random() % 8], payload),
                 at_ns);
  }
  recorder.tracker.finish();
  recorder.records.resize(count);
  return recorder.records;
}

inline bool same_bits(const flow::FlowRecord& a, const flow::FlowRecord& b) {
  return std::memcmp(&a.key, &b.key, sizeof a.key) == 0 &&
         std::memcmp(&a.counters, &b.counters, sizeof a.counters) == 0 &&
         a.initiator == b.initiator && a.reason == b.reason && a.part == b.part &&
         a.opened == b.opened &&
         std::memcmp(static_cast<const void*>(&a.windows), static_cast<const void*>(&b.windows),
                     sizeof a.windows) == 0;
}

inline base::PipelineKey pipeline_key(std::uint64_t id, std::int64_t active_from_ms = 0,
                                      std::int64_t retires_at_ms = 0) {
  return {id, std::string(32, static_cast<char>('a' + id % 26)), active_from_ms, retires_at_ms};
}

}  // namespace mlguard::pipeline
