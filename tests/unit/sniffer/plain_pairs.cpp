#include "plain_pairs.h"

#include <cmath>
#include <limits>

namespace mlguard::plain {
namespace {

constexpr std::uint64_t kSecondNs = 1'000'000'000;
constexpr std::uint32_t kWindowSeconds = 10;
constexpr double kLatelySeconds = 300;
constexpr std::uint32_t kForgottenSeconds = 3'600;
constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

std::uint32_t second_of(std::uint64_t time_ns) {
  return static_cast<std::uint32_t>(time_ns / kSecondNs);
}

}  // namespace

PairLook Pairs::look(const PairName& name, std::uint32_t second) const {
  PairLook look;
  look.half_open_share = look.gap_mean_s = look.gap_variation = kUndefined;
  const auto found = pairs_.find(name);
  if (found == pairs_.end()) return look;
  const auto& flows = found->second.flows;
  const auto age = [&](std::size_t i) { return second - second_of(flows[i]->begun_ns); };
  const auto weight = [&](std::size_t i) {
    return std::exp(-static_cast<double>(age(i)) / kLatelySeconds);
  };
  const auto gap_s = [&](std::size_t i) {
    return static_cast<double>(flows[i]->begun_ns - flows[i - 1]->begun_ns) / 1e9;
  };
  if (age(flows.size() - 1) >= kForgottenSeconds) return look;
  double half_open = 0;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    if (age(i) < kWindowSeconds) look.flows += 1;
    look.flows_lately += weight(i);
    if (!flows[i]->opened) half_open += weight(i);
  }
  if (look.flows_lately > 0) look.half_open_share = half_open / look.flows_lately;
  // A gap is as old as the flow that ended it.
  double weights = 0;
  double sum = 0;
  for (std::size_t i = 1; i < flows.size(); ++i) {
    weights += weight(i);
    sum += weight(i) * gap_s(i);
  }
  if (flows.size() < 2) return look;
  look.gap_mean_s = sum / weights;
  if (flows.size() < 3 || !(look.gap_mean_s > 0)) return look;
  double squares = 0;
  for (std::size_t i = 1; i < flows.size(); ++i) {
    squares += weight(i) * std::pow(gap_s(i) - look.gap_mean_s, 2);
  }
  look.gap_variation = std::sqrt(squares / weights) / look.gap_mean_s;
  return look;
}

std::shared_ptr<BegunFlow> Pairs::begin_flow(const PairName& name, std::uint64_t now_ns) {
  if (pairs_.count(name) == 0 && pairs_.size() == kPairsMax) {
    pairs_.erase(turns_.begin()->second);
    turns_.erase(turns_.begin());
  }
  Pair& pair = pairs_[name];
  turns_.erase(pair.turn);
  pair.turn = next_turn_++;
  turns_[pair.turn] = name;
  const bool is_known = !pair.flows.empty();
  if (is_known && second_of(now_ns) - second_of(pair.flows.back()->begun_ns) >= kForgottenSeconds) {
    pair.flows.clear();
  }
  pair.flows.push_back(std::make_shared<BegunFlow>(BegunFlow{now_ns, false}));
  return pair.flows.back();
}

}  // namespace mlguard::plain
