#include "flow/distinct_counter.h"

#include <algorithm>
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
    sketch_->add(value, now_second, now_second);
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
  } else if (budget.in_use < budget.sketches_max) {
    begin_sketch(now_second, budget);
    sketch_->add(value, now_second, now_second);
  } else {
    ++budget.values_refused;
  }
}

double DistinctCounter::count(std::uint32_t now_second) {
  if (!in_window(last_second_, now_second)) return 0;
  if (sketch_) return sketch_->estimate(now_second);
  return static_cast<double>(std::count_if(exact_.begin(), exact_.end(), [&](const Seen& seen) {
    return in_window(seen.second, now_second);
  }));
}

void DistinctCounter::begin_sketch(std::uint32_t now_second, SketchBudget& budget) {
  ++budget.in_use;
  budget_ = &budget;
  sketch_ = std::make_unique<SlidingSketch>(now_second);
  for (const Seen& seen : exact_) sketch_->add(seen.value, seen.second, now_second);
  exact_ = {};
}

void DistinctCounter::end_sketch() {
  if (!sketch_) return;
  sketch_.reset();
  --budget_->in_use;
}

}  // namespace mlguard::flow
