#include "flow/distinct_counter.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace mlguard::flow {

DistinctCounter& DistinctCounter::operator=(DistinctCounter&& other) noexcept {
  if (this == &other) return *this;
  end_sketch();
  exact_ = std::move(other.exact_);
  sketch_ = std::move(other.sketch_);
  budget_ = other.budget_;
  last_second_ = other.last_second_;
  return *this;
}

DistinctCounter::~DistinctCounter() { end_sketch(); }

void DistinctCounter::add(std::uint64_t value, std::uint32_t now_second, SketchBudget& budget) {
  if (!in_window(last_second_, now_second)) {
    exact_.clear();
    end_sketch();
  }
  last_second_ = now_second;
  if (sketch_) {
    mark(value, now_second);
    return;
  }
  for (Seen& seen : exact_) {
    if (seen.value != value) continue;
    seen.second = now_second;
    return;
  }
  if (exact_.size() == kExactValuesMax) {
    std::erase_if(exact_, [&](const Seen& seen) { return !in_window(seen.second, now_second); });
  }
  if (exact_.size() < kExactValuesMax) {
    exact_.push_back({value, now_second});
  } else if (begin_sketch(budget)) {
    mark(value, now_second);
  } else {
    ++budget.values_refused;
  }
}

double DistinctCounter::count(std::uint32_t now_second) const {
  if (!sketch_) {
    return static_cast<double>(std::count_if(exact_.begin(), exact_.end(), [&](const Seen& seen) {
      return in_window(seen.second, now_second);
    }));
  }
  // A slot in the window holds second + 1: above now - window + 1.
  const std::uint32_t stale_to =
      now_second + 1 > kWindowSeconds ? now_second + 1 - kWindowSeconds : 0;
  std::uint32_t stale = 0;
  for (std::size_t i = 0; i < kSketchSlots; ++i) stale += sketch_[i] <= stale_to ? 1U : 0U;
  constexpr auto kSlots = static_cast<double>(kSketchSlots);
  return kSlots * std::log(kSlots / std::max(1.0, static_cast<double>(stale)));
}

bool DistinctCounter::begin_sketch(SketchBudget& budget) {
  if (budget.in_use == budget.sketches_max) return false;
  ++budget.in_use;
  budget_ = &budget;
  sketch_ = std::make_unique<std::uint32_t[]>(kSketchSlots);
  for (const Seen& seen : exact_) mark(seen.value, seen.second);
  exact_ = {};
  return true;
}

void DistinctCounter::end_sketch() {
  if (!sketch_) return;
  sketch_.reset();
  --budget_->in_use;
}

void DistinctCounter::mark(std::uint64_t value, std::uint32_t second) {
  sketch_[static_cast<std::size_t>(value % kSketchSlots)] = second + 1;
}

}  // namespace mlguard::flow
