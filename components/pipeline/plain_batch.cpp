#include "pipeline/plain_batch.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string>

namespace mlguard::pipeline {
namespace {

using flow::FlowRecord;

static_assert(MLG_FROM_LOW == 0 && flow::CloseReason::fin == flow::CloseReason{});
static_assert(std::endian::native == std::endian::little, "doubles are copied as they are");
static_assert(sizeof(flow::FlowWindows) == 21 * sizeof(double));

// A field's number and the way its value is written (protobuf's wire types 0 and 2), as one byte.
constexpr unsigned varint_field(unsigned number) { return number << 3U; }
constexpr unsigned bytes_field(unsigned number) { return number << 3U | 2U; }

// Each step is false when the bytes go on with something else.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool at_end() const { return at_ == end_; }
  // Fields up to number 15. False as well for one that is not behind the one before, unless it is
  // `repeated` and the same.
  bool field(unsigned& field, unsigned repeated = 0) {
    if (at_end()) return false;
    const auto next = static_cast<std::uint8_t>(*at_++);
    if (next >= 0x80 || next < field || (next == field && next != repeated)) return false;
    field = next;
    return true;
  }
  bool varint(std::uint64_t& out) {
    constexpr unsigned kShiftMax = 63;
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift <= kShiftMax && at_ != end_; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(*at_++);
      if (shift == kShiftMax && byte > 1) return false;
      value |= std::uint64_t{byte & 0x7fU} << shift;
      if (byte < 0x80) {
        out = value;
        return true;
      }
    }
    return false;
  }
  template <class Number>
  bool number_upto(std::uint64_t most, Number& out) {
    std::uint64_t value = 0;
    if (!varint(value) || value > most) return false;
    out = static_cast<Number>(value);
    return true;
  }
  template <class Number>
  bool number(Number& out) {
    return number_upto(std::numeric_limits<Number>::max(), out);
  }
  bool bytes(std::string_view& out) {
    std::uint64_t size = 0;
    if (!varint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
    out = {at_, static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }
  bool copy(void* out, std::size_t size) {
    std::string_view found;
    if (!bytes(found) || found.size() != size) return false;
    std::memcpy(out, found.data(), size);
    return true;
  }
  // What the general reader has to look at more closely is not taken.
  bool text(std::string& out) {
    std::string_view found;
    if (!bytes(found)) return false;
    if (!std::all_of(found.begin(), found.end(), [](char c) { return c > ' ' && c <= '~'; })) {
      return false;
    }
    out = found;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

bool read_flag_counts(Cursor& in, mlg_flow_side& out) {
  std::string_view packed;
  if (!in.bytes(packed)) return false;
  Cursor counts(packed);
  for (std::uint32_t& count : out.flag_counts) {
    if (!counts.number(count)) return false;
  }
  return counts.at_end();
}

// Times are told as what was added to the one before.
bool add_time(Cursor& in, std::uint64_t base_ns, __u64& out) {
  std::uint64_t more_ns = 0;
  if (!in.varint(more_ns)) return false;
  out = base_ns + more_ns;
  return out >= base_ns;
}

bool read_side_field(Cursor& in, unsigned field, std::uint64_t time_base_ns, mlg_flow_side& out) {
  switch (field) {
    case varint_field(1): return in.number(out.packets);
    case varint_field(2): return in.number(out.bytes);
    case varint_field(3): return in.number(out.payload_bytes);
    case varint_field(4): return in.number(out.size_squares);
    case varint_field(5):
      if (!add_time(in, time_base_ns, out.first_ns)) return false;
      out.last_ns = out.first_ns;
      return true;
    case varint_field(6): return add_time(in, out.first_ns, out.last_ns);
    case varint_field(7): return in.number(out.gap_sum_us);
    case varint_field(8): return in.number(out.gap_squares_us2);
    case varint_field(9): return in.number(out.gaps);
    case bytes_field(10): return read_flag_counts(in, out);
    case varint_field(11): return in.number(out.syn_only);
    case varint_field(12): return in.number(out.payload_packets);
    case varint_field(13): return in.number(out.size_min);
    case varint_field(14): return in.number(out.size_max);
    case varint_field(15): return in.number(out.initial_window);
    default: return false;
  }
}

bool read_side(Cursor& outer, std::uint64_t time_base_ns, mlg_flow_side& out) {
  std::string_view bytes;
  if (!outer.bytes(bytes)) return false;
  Cursor in(bytes);
  out.first_ns = out.last_ns = time_base_ns;
  for (unsigned field = 0; !in.at_end();) {
    if (!in.field(field) || !read_side_field(in, field, time_base_ns, out)) return false;
  }
  return out.packets > 0;
}

bool read_flow_field(Cursor& in, unsigned field, std::uint64_t time_base_ns, FlowRecord& out) {
  mlg_flow_side* sides = out.counters.side;
  switch (field) {
    case bytes_field(2): return in.copy(out.key.high_address, MLG_ADDRESS_BYTES);
    case varint_field(3): return in.number(out.key.low_port);
    case varint_field(4): return in.number(out.key.high_port);
    case varint_field(5): return in.number(out.key.protocol);
    case bytes_field(6): return read_side(in, time_base_ns, sides[MLG_FROM_LOW]);
    case bytes_field(7): return read_side(in, time_base_ns, sides[MLG_FROM_HIGH]);
    case varint_field(8): return in.number_upto(MLG_FROM_HIGH, out.initiator);
    case varint_field(9): return in.number_upto(flow::kCloseReasons - 1, out.reason);
    case varint_field(10): return in.number(out.part);
    case varint_field(11): return in.number_upto(1, out.opened);
    case bytes_field(12): return in.copy(&out.windows, sizeof out.windows);
    default: return false;
  }
}

bool read_flow(std::string_view bytes, std::uint64_t time_base_ns, FlowRecord& out) {
  Cursor in(bytes);
  unsigned field = 0;
  // What is 0 is not written.
  out.initiator = MLG_FROM_LOW;
  out.reason = flow::CloseReason::fin;
  // The fields that have to be there: both addresses at the beginning, the windows at the end.
  if (!in.field(field) || field != bytes_field(1)) return false;
  if (!in.copy(out.key.low_address, MLG_ADDRESS_BYTES)) return false;
  if (!in.field(field) || field != bytes_field(2)) return false;
  while (read_flow_field(in, field, time_base_ns, out)) {
    if (in.at_end()) return field == bytes_field(12);
    if (!in.field(field)) return false;
  }
  return false;
}

constexpr unsigned kFlowField = bytes_field(6);

// None when something else follows. REQUIRES: the cursor is behind the first kFlowField.
std::size_t count_flows(Cursor in) {
  std::size_t count = 0;
  std::string_view skipped;
  unsigned field = kFlowField;
  while (in.bytes(skipped)) {
    ++count;
    if (in.at_end()) return count;
    if (!in.field(field, kFlowField) || field != kFlowField) break;
  }
  return 0;
}

bool read_flows(Cursor& in, std::uint64_t time_base_ns, std::vector<FlowRecord>& out) {
  const std::size_t count = count_flows(in);
  if (count == 0 || count > kFlowsPerBatchMax) return false;
  out.resize(count);
  unsigned field = kFlowField;
  for (FlowRecord& record : out) {
    std::string_view bytes;
    if (!in.bytes(bytes) || !read_flow(bytes, time_base_ns, record)) return false;
    if (&record != &out.back() && !in.field(field, kFlowField)) return false;
  }
  return in.at_end();
}

}  // namespace

std::optional<PlainBatch> read_plain_batch(std::string_view bytes) {
  Cursor in(bytes);
  std::optional<PlainBatch> read(std::in_place);
  FlowBatch& batch = read->batch;
  std::uint64_t time_base_ns = 0;
  for (unsigned field = 0; !in.at_end();) {
    if (!in.field(field)) return std::nullopt;
    bool taken = false;
    switch (field) {
      case varint_field(1): taken = in.number(read->format); break;
      case bytes_field(2): taken = in.text(batch.sniffer); break;
      case bytes_field(3): taken = in.text(batch.instance_id); break;
      case varint_field(4): taken = in.number(batch.sequence); break;
      case varint_field(5): taken = in.number(time_base_ns); break;
      case kFlowField: taken = read_flows(in, time_base_ns, batch.flows); break;
      default: break;
    }
    if (!taken) return std::nullopt;
  }
  return read;
}

}  // namespace mlguard::pipeline
