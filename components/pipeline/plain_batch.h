// Reads the bytes of a batch as encode_batch() writes them, without building protobuf messages of
// them: these cost a detector more than anything else that it does with a flow but the model.
//
// Plain are fields in ascending order, each once, all known, values in range. Whatever else
// protobuf allows, and what is wrong with it, is for the general reader in flow_batch.cpp, which
// this one agrees with on all that it takes. Stateless; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pipeline/flow_batch.h"

namespace mlguard::pipeline {

struct PlainBatch {
  std::uint32_t format = 0;
  FlowBatch batch;  // Neither its head nor its flows have been checked.
};

// Nothing: ask the general reader. Also when there are more than kFlowsPerBatchMax flows.
std::optional<PlainBatch> read_plain_batch(std::string_view bytes);

}  // namespace mlguard::pipeline
