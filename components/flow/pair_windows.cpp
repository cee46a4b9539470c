#include "flow/pair_windows.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace mlguard::flow {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();
constexpr double kSecondsPerNs = 1e-9;

bool is_forgotten(std::uint32_t last_begin_second, std::uint32_t second) {
  return second - last_begin_second >= kPairForgottenSeconds;
}

double faded(std::uint32_t seconds) {
  return std::exp(-static_cast<double>(seconds) / kLatelySeconds);
}

}  // namespace

void FadingMean::add(double value) {
  values_ = std::min(values_ + 1, 2U);
  weight_ += 1;
  const double distance = value - mean_;
  mean_ += distance / weight_;
  squares_ += distance * (value - mean_);
}

double FadingMean::mean() const { return values_ > 0 ? mean_ : kUndefined; }

double FadingMean::variation() const {
  if (values_ < 2 || !(mean_ > 0) || !(weight_ > 0)) return kUndefined;
  return std::sqrt(std::max(squares_, 0.0) / weight_) / mean_;
}

void PairWindows::slide(Pair& pair, std::uint32_t second) {
  const std::uint32_t seconds = second - pair.second;
  if (seconds == 0) return;
  for (std::uint32_t i = 1; i <= std::min(seconds, kWindowSeconds); ++i) {
    pair.flows[(pair.second + i) % kWindowSeconds] = 0;
  }
  const double weight = faded(seconds);
  pair.begun *= weight;
  pair.opened *= weight;
  pair.gaps_s.fade(weight);
  pair.second = second;
}

PairWindows::Pair* PairWindows::find(Handle handle) {
  if (handle.index == Table::kNone || table_.generation(handle.index) != handle.generation) {
    return nullptr;
  }
  return &table_[handle.index];
}

PairWindow PairWindows::look(const PairKey& key, std::uint32_t second) {
  PairWindow window;
  window.half_open_ratio = window.gap_mean_s = window.gap_variation = kUndefined;
  const Table::Index at = table_.find(key);
  if (at == Table::kNone) return window;
  Pair& pair = table_[at];
  if (is_forgotten(pair.last_begin_second, second)) return window;
  slide(pair, second);
  window.flows = std::accumulate(pair.flows.begin(), pair.flows.end(), 0.0);
  window.flows_lately = pair.begun;
  if (pair.begun > 0) {
    window.half_open_ratio = std::clamp(1 - pair.opened / pair.begun, 0.0, 1.0);
  }
  window.gap_mean_s = pair.gaps_s.mean();
  window.gap_variation = pair.gaps_s.variation();
  return window;
}

PairWindows::Handle PairWindows::add_flow(const PairKey& key, std::uint64_t now_ns,
                                          std::uint32_t second) {
  Table::Index at = table_.find(key);
  if (at == Table::kNone) {
    if (table_.full()) {
      table_.erase(table_.oldest());
      ++evicted_;
    }
    Pair fresh;
    fresh.second = second;
    at = table_.insert(key, fresh);
  } else if (is_forgotten(table_[at].last_begin_second, second)) {
    table_[at] = Pair{};
    table_[at].second = second;
    table_.touch(at);
  } else {
    Pair& pair = table_[at];
    slide(pair, second);
    pair.gaps_s.add(static_cast<double>(now_ns - pair.last_begin_ns) * kSecondsPerNs);
    table_.touch(at);
  }
  Pair& pair = table_[at];
  ++pair.flows[second % kWindowSeconds];
  pair.begun += 1;
  pair.last_begin_second = second;
  pair.last_begin_ns = now_ns;
  return {at, table_.generation(at)};
}

void PairWindows::open_flow(Handle handle, std::uint32_t begun_second, std::uint32_t second) {
  Pair* pair = find(handle);
  if (pair == nullptr) return;
  slide(*pair, second);
  pair->opened += faded(second - begun_second);
}

}  // namespace mlguard::flow
