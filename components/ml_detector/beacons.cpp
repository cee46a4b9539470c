#include "ml_detector/beacons.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "flow/tracker.h"

namespace mlguard::ml_detector {
namespace {

using flow::FlowRecord;

constexpr std::uint64_t kNsPerMs = flow::kNsPerSecond / 1'000;
constexpr double kMsPerSecond = 1'000;
// Fewer intervals have no quartiles worth the name.
constexpr std::size_t kContactsMin = 4;
// Of the intervals, by which one side of their spread may be wider than the other.
constexpr double kSkewMax = 0.5;
// MADM of the bytes: so many, or this share of the median.
constexpr double kBytesApart = 32;
constexpr double kBytesApartShare = 0.1;
// Flows of a pair that come so much faster than the shortest period are no rhythm.
constexpr double kMuchFaster = 0.5;
// A pair that is silent for so many of the longest periods begins anew.
constexpr double kSilentPeriods = 2;

// Of at most kContactsKept values, as sorted.
struct Values {
  std::array<double, kContactsKept> value{};
  std::size_t count = 0;

  void add(double one) { value[count++] = one; }
  void sort() { std::sort(value.begin(), value.begin() + static_cast<std::ptrdiff_t>(count)); }
  // REQUIRES: sorted, and not empty.
  double quantile(double share) const {
    const double place = share * static_cast<double>(count - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, count - 1);
    return value[below] + (value[above] - value[below]) * (place - static_cast<double>(below));
  }
  double median() const { return quantile(0.5); }
  double deviation() const {
    const double middle = median();
    Values apart;
    for (std::size_t i = 0; i < count; ++i) apart.add(std::abs(value[i] - middle));
    apart.sort();
    return apart.median();
  }
};

// Whether both halves of the spread are about as wide; a spread within the jitter leans nowhere.
bool is_even(const Values& intervals, double jitter) {
  const double low = intervals.quantile(0.25);
  const double middle = intervals.median();
  const double high = intervals.quantile(0.75);
  if (high - low <= jitter * middle) return true;
  return std::abs(low + high - 2 * middle) <= kSkewMax * (high - low);
}

bool is_contact(const FlowRecord& record) {
  return record.key.protocol == MLG_PROTOCOL_TCP && record.opened && record.part == 0 &&
         record.reason != flow::CloseReason::early && record.forward().payload_packets > 0 &&
         record.reverse().payload_packets > 0;
}

flow::PairKey key_of(const FlowRecord& record) {
  flow::PairKey key;
  std::copy_n(record.source(), MLG_ADDRESS_BYTES, key.source.begin());
  std::copy_n(record.destination(), MLG_ADDRESS_BYTES, key.destination.begin());
  key.port = record.destination_port();
  key.protocol = record.key.protocol;
  return key;
}

}  // namespace

void Beacons::add(Pair& pair, std::uint64_t begun_ms, std::uint64_t bytes, double period_max_s) {
  const double silent_ms =
      begun_ms > pair.last_ms ? static_cast<double>(begun_ms - pair.last_ms) : 0;
  if (silent_ms > kSilentPeriods * period_max_s * kMsPerSecond) pair.contacts = pair.regular = 0;
  const std::size_t at = pair.contacts % kContactsKept;
  pair.begun_ms[at] = static_cast<std::uint32_t>(begun_ms);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  pair.bytes[at] = static_cast<std::uint32_t>(std::min(bytes, kMost));
  pair.contacts += 1;
  pair.last_ms = std::max(pair.last_ms, begun_ms);
}

std::optional<Rhythm> Beacons::rhythm_of(const Pair& pair, const BeaconLimits& limits) {
  const std::size_t kept = std::min<std::size_t>(pair.contacts, kContactsKept);
  // By how long ago: flows are told as they end, not as they begin.
  Values ago_ms;
  Values bytes;
  const auto now_ms = static_cast<std::uint32_t>(pair.last_ms);
  for (std::size_t i = 0; i < kept; ++i) {
    ago_ms.add(static_cast<double>(static_cast<std::uint32_t>(now_ms - pair.begun_ms[i])));
    bytes.add(static_cast<double>(pair.bytes[i]));
  }
  ago_ms.sort();
  Values intervals;
  for (std::size_t i = 1; i < kept; ++i) intervals.add(ago_ms.value[i] - ago_ms.value[i - 1]);
  intervals.sort();
  const double period_ms = intervals.median();
  if (period_ms < limits.period_min_s * kMsPerSecond ||
      period_ms > limits.period_max_s * kMsPerSecond) {
    return std::nullopt;
  }
  const double jitter = intervals.deviation() / period_ms;
  if (jitter > limits.jitter || !is_even(intervals, limits.jitter)) return std::nullopt;
  bytes.sort();
  const double usual = bytes.median();
  if (usual > static_cast<double>(limits.bytes) ||
      bytes.deviation() > std::max(kBytesApart, kBytesApartShare * usual)) {
    return std::nullopt;
  }
  return Rhythm{0, period_ms / kMsPerSecond, jitter};
}

std::optional<Rhythm> Beacons::look(const FlowRecord& record, const BeaconLimits& limits) {
  // NaN (of a pair's first flows) is not faster.
  if (!is_contact(record) || record.windows.pair.gap_mean_s < kMuchFaster * limits.period_min_s) {
    return std::nullopt;
  }
  const flow::PairKey key = key_of(record);
  auto at = pairs_.find(key);
  if (at == pairs_.kNone) {
    if (pairs_.full()) pairs_.erase(pairs_.oldest());
    at = pairs_.insert(key, {});
  }
  pairs_.touch(at);
  Pair& pair = pairs_[at];
  add(pair, record.first_ns() / kNsPerMs,
      record.forward().payload_bytes + record.reverse().payload_bytes, limits.period_max_s);
  const std::size_t needed = std::clamp<std::size_t>(limits.contacts, kContactsMin, kContactsKept);
  if (pair.contacts < needed) return std::nullopt;
  std::optional<Rhythm> rhythm = rhythm_of(pair, limits);
  if (!rhythm) {
    pair.regular = 0;
    return std::nullopt;
  }
  // Of those before, half may have been anything.
  pair.regular = pair.regular == 0 ? static_cast<std::uint32_t>(needed) : pair.regular + 1;
  rhythm->contacts = pair.regular;
  return pair.regular < limits.contacts ? std::nullopt : rhythm;
}

}  // namespace mlguard::ml_detector
