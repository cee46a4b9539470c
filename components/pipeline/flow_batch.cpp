#include "pipeline/flow_batch.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "base/ids.h"
#include "flow_batch.pb.h"
#include "pipeline/plain_batch.h"

namespace mlguard::pipeline {
namespace {

using flow::FlowRecord;

constexpr int kWindowValues = 21;  // 8 of either host, 5 of the pair
using WindowValues = std::array<double, kWindowValues>;
static_assert(sizeof(WindowValues) == sizeof(flow::FlowWindows));

static_assert(proto::LOW == static_cast<int>(MLG_FROM_LOW));
static_assert(proto::HIGH == static_cast<int>(MLG_FROM_HIGH));
static_assert(proto::FIN == static_cast<int>(flow::CloseReason::fin));
static_assert(proto::RST == static_cast<int>(flow::CloseReason::rst));
static_assert(proto::IDLE == static_cast<int>(flow::CloseReason::idle));
static_assert(proto::ACTIVE == static_cast<int>(flow::CloseReason::active));
static_assert(proto::EVICTED == static_cast<int>(flow::CloseReason::evicted));
static_assert(proto::END == static_cast<int>(flow::CloseReason::end));
static_assert(proto::EARLY == static_cast<int>(flow::CloseReason::early));
static_assert(proto::Closed_ARRAYSIZE == flow::kCloseReasons);

// ---- Encoding --------------------------------------------------------------------------------

void write_side(const mlg_flow_side& side, std::uint64_t time_base_ns, proto::Side& out) {
  out.set_packets(side.packets);
  out.set_bytes(side.bytes);
  out.set_payload_bytes(side.payload_bytes);
  out.set_size_squares(side.size_squares);
  out.set_first_after_ns(side.first_ns - time_base_ns);
  out.set_span_ns(side.last_ns - side.first_ns);
  out.set_gap_sum_us(side.gap_sum_us);
  out.set_gap_squares_us2(side.gap_squares_us2);
  out.set_gaps(side.gaps);
  const auto* flags = side.flag_counts;
  if (std::any_of(flags, flags + MLG_TCP_FLAGS, [](std::uint32_t count) { return count != 0; })) {
    out.mutable_flag_counts()->Add(flags, flags + MLG_TCP_FLAGS);
  }
  out.set_syn_only(side.syn_only);
  out.set_payload_packets(side.payload_packets);
  out.set_size_min(side.size_min);
  out.set_size_max(side.size_max);
  out.set_initial_window(side.initial_window);
}

void write_flow(const FlowRecord& record, std::uint64_t time_base_ns, proto::Flow& out) {
  out.set_low_address(record.key.low_address, MLG_ADDRESS_BYTES);
  out.set_high_address(record.key.high_address, MLG_ADDRESS_BYTES);
  out.set_low_port(record.key.low_port);
  out.set_high_port(record.key.high_port);
  out.set_protocol(record.key.protocol);
  const mlg_flow_side& low = record.counters.side[MLG_FROM_LOW];
  const mlg_flow_side& high = record.counters.side[MLG_FROM_HIGH];
  if (low.packets > 0) write_side(low, time_base_ns, *out.mutable_low());
  if (high.packets > 0) write_side(high, time_base_ns, *out.mutable_high());
  out.set_initiator(static_cast<proto::Initiator>(record.initiator));
  out.set_closed(static_cast<proto::Closed>(record.reason));
  out.set_part(record.part);
  out.set_opened(record.opened);
  const auto values = std::bit_cast<WindowValues>(record.windows);
  out.mutable_windows()->Add(values.begin(), values.end());
}

std::uint64_t earliest_ns(const std::vector<FlowRecord>& flows) {
  std::uint64_t earliest = std::numeric_limits<std::uint64_t>::max();
  for (const FlowRecord& record : flows) earliest = std::min(earliest, record.first_ns());
  return flows.empty() ? 0 : earliest;
}

// ---- Decoding --------------------------------------------------------------------------------

base::Error invalid_batch(const std::string& what) {
  return {base::ErrorCode::invalid_argument, "invalid_batch", "a batch's " + what};
}

base::Error invalid_flow(const std::string& what) {
  return {base::ErrorCode::invalid_argument, "invalid_flow", "a flow's " + what};
}

template <class Narrow>
bool narrow(std::uint32_t value, Narrow& out) {
  out = static_cast<Narrow>(value);
  return value <= std::numeric_limits<Narrow>::max();
}

// The field that does not fit, or nullptr. What can be told from the values alone is check_flow's.
const char* read_side(const proto::Side& in, std::uint64_t time_base_ns, mlg_flow_side& out) {
  out.packets = in.packets();
  out.bytes = in.bytes();
  out.payload_bytes = in.payload_bytes();
  out.size_squares = in.size_squares();
  out.first_ns = time_base_ns + in.first_after_ns();
  if (out.first_ns < time_base_ns) return "first_after_ns is out of range";
  out.last_ns = out.first_ns + in.span_ns();
  if (out.last_ns < out.first_ns) return "span_ns is out of range";
  out.gap_sum_us = in.gap_sum_us();
  out.gap_squares_us2 = in.gap_squares_us2();
  out.gaps = in.gaps();
  if (in.flag_counts_size() != 0) {
    if (in.flag_counts_size() != MLG_TCP_FLAGS) return "flag_counts are not 8";
    std::copy(in.flag_counts().begin(), in.flag_counts().end(), out.flag_counts);
  }
  out.syn_only = in.syn_only();
  out.payload_packets = in.payload_packets();
  out.size_min = in.size_min();
  out.size_max = in.size_max();
  if (!narrow(in.initial_window(), out.initial_window)) return "initial_window is out of range";
  return out.packets > 0 ? nullptr : "packets are 0 in a direction that is told";
}

const char* read_key(const proto::Flow& in, mlg_flow_key& out) {
  if (in.low_address().size() != MLG_ADDRESS_BYTES) return "low_address has not 16 bytes";
  if (in.high_address().size() != MLG_ADDRESS_BYTES) return "high_address has not 16 bytes";
  std::memcpy(out.low_address, in.low_address().data(), MLG_ADDRESS_BYTES);
  std::memcpy(out.high_address, in.high_address().data(), MLG_ADDRESS_BYTES);
  if (!narrow(in.low_port(), out.low_port)) return "low_port is out of range";
  if (!narrow(in.high_port(), out.high_port)) return "high_port is out of range";
  if (!narrow(in.protocol(), out.protocol)) return "protocol is out of range";
  return nullptr;
}

const char* read_flow(const proto::Flow& in, std::uint64_t time_base_ns, FlowRecord& out) {
  if (const char* problem = read_key(in, out.key)) return problem;
  mlg_flow_side* sides = out.counters.side;
  if (in.has_low()) {
    if (const char* problem = read_side(in.low(), time_base_ns, sides[MLG_FROM_LOW])) {
      return problem;
    }
  }
  if (in.has_high()) {
    if (const char* problem = read_side(in.high(), time_base_ns, sides[MLG_FROM_HIGH])) {
      return problem;
    }
  }
  if (!proto::Initiator_IsValid(in.initiator())) return "initiator is none that we know";
  if (!proto::Closed_IsValid(in.closed())) return "closed is none that we know";
  out.initiator = in.initiator() == proto::HIGH ? MLG_FROM_HIGH : MLG_FROM_LOW;
  out.reason = static_cast<flow::CloseReason>(in.closed());
  out.part = in.part();
  out.opened = in.opened();
  if (in.windows_size() != kWindowValues) return "windows are not 21 numbers";
  WindowValues values{};
  std::copy(in.windows().begin(), in.windows().end(), values.begin());
  out.windows = std::bit_cast<flow::FlowWindows>(values);
  return nullptr;
}

bool is_printable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

base::Status check_head(std::uint32_t format, const FlowBatch& batch, std::size_t flows) {
  if (format != kBatchFormat) {
    return base::Error{base::ErrorCode::unsupported, "batch_format",
                       "a batch's format is " + std::to_string(format) + ", this build reads " +
                           std::to_string(kBatchFormat)};
  }
  if (!base::check_component_name(batch.sniffer).ok()) {
    return invalid_batch("sniffer is no component's name");
  }
  const std::string& id = batch.instance_id;
  if (id.empty() || id.size() > kInstanceIdCharsMax || !is_printable(id)) {
    return invalid_batch("instance_id is not 1 to 64 printable characters");
  }
  if (flows > kFlowsPerBatchMax) {
    return base::Error{base::ErrorCode::too_large, "batch_too_large",
                       "a batch's flows are " + std::to_string(flows) + ", at most " +
                           std::to_string(kFlowsPerBatchMax) + " are allowed"};
  }
  return {};
}

base::Result<FlowBatch> check_plain(PlainBatch read) {
  base::Status checked = check_head(read.format, read.batch, read.batch.flows.size());
  if (!checked.ok()) return checked.error();
  for (const FlowRecord& record : read.batch.flows) {
    checked = check_flow(record);
    if (!checked.ok()) return checked.error();
  }
  return std::move(read.batch);
}

}  // namespace

std::string encode_batch(const FlowBatch& batch) {
  assert(batch.flows.size() <= kFlowsPerBatchMax);
  proto::Batch out;
  const std::uint64_t time_base_ns = earliest_ns(batch.flows);
  out.set_format(kBatchFormat);
  out.set_sniffer(batch.sniffer);
  out.set_instance_id(batch.instance_id);
  out.set_sequence(batch.sequence);
  out.set_time_base_ns(time_base_ns);
  out.mutable_flows()->Reserve(static_cast<int>(batch.flows.size()));
  for (const FlowRecord& record : batch.flows) write_flow(record, time_base_ns, *out.add_flows());
  return out.SerializeAsString();
}

base::Result<FlowBatch> decode_batch(std::string_view bytes) {
  if (bytes.size() > kBatchBytesMax) {
    return base::Error{base::ErrorCode::too_large, "batch_too_large",
                       "a batch's bytes are " + std::to_string(bytes.size()) + ", at most " +
                           std::to_string(kBatchBytesMax) + " are allowed"};
  }
  std::optional<PlainBatch> plain = read_plain_batch(bytes);
  if (plain) return check_plain(std::move(*plain));
  // One piece of memory for all messages of the batch, instead of one for each.
  google::protobuf::Arena arena;
  proto::Batch& in = *google::protobuf::Arena::CreateMessage<proto::Batch>(&arena);
  if (!in.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return invalid_batch("bytes are not the protobuf message Batch");
  }
  FlowBatch batch;
  batch.sniffer = in.sniffer();
  batch.instance_id = in.instance_id();
  batch.sequence = in.sequence();
  const base::Status head =
      check_head(in.format(), batch, static_cast<std::size_t>(in.flows_size()));
  if (!head.ok()) return head.error();
  batch.flows.resize(static_cast<std::size_t>(in.flows_size()));
  for (std::size_t i = 0; i < batch.flows.size(); ++i) {
    const proto::Flow& flow = in.flows(static_cast<int>(i));
    if (const char* problem = read_flow(flow, in.time_base_ns(), batch.flows[i])) {
      return invalid_flow(problem);
    }
    const base::Status checked = check_flow(batch.flows[i]);
    if (!checked.ok()) return checked.error();
  }
  return batch;
}

}  // namespace mlguard::pipeline
