// FlowBatch: what a sniffer tells an ml-detector at once, to and from bytes (protobuf 3,
// flow_batch.proto; docs/wire-format.md, "Pipeline batches"). The round trip is exact, NaN
// included.
//
// Whoever decodes trusts nothing: sizes, ranges and whether the counters can be true together.
// Stateless; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "flow/flow_record.h"

namespace mlguard::pipeline {

inline constexpr std::uint32_t kBatchFormat = 2;
inline constexpr std::size_t kFlowsPerBatchMax = 10'000;
// Holds kFlowsPerBatchMax records of the longest encoding.
inline constexpr std::size_t kBatchBytesMax = 8 * 1024 * 1024;
inline constexpr std::size_t kInstanceIdCharsMax = 64;
// The longest IP packet: IPv6's header and what its length field can say.
inline constexpr std::uint32_t kPacketBytesMax = 40 + 65'535;

struct FlowBatch {
  std::string sniffer;      // the component's name
  std::string instance_id;  // of one run of the sender (sealed_batch.h: 32 hex characters)
  std::uint64_t sequence = 0;
  std::vector<flow::FlowRecord> flows;
};

// Whether the record can be true: canonical key, counters that do not contradict one another,
// windows that are numbers or NaN. Error: invalid_argument / "invalid_flow", naming the field.
base::Status check_flow(const flow::FlowRecord& record);

// REQUIRES: at most kFlowsPerBatchMax records, each of which passes check_flow; a name and an id
// that decode_batch takes.
std::string encode_batch(const FlowBatch& batch);

// Errors, each naming the field: too_large / "batch_too_large" (bytes or records);
// unsupported / "batch_format"; invalid_argument / "invalid_batch", "invalid_flow".
base::Result<FlowBatch> decode_batch(std::string_view bytes);

}  // namespace mlguard::pipeline
