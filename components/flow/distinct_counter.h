// How many different values were seen in the last kWindowSeconds seconds: exact up to
// kExactValuesMax; once there were more, estimated (sliding_sketch.h: standard error 2.3 % however
// many there are, 1.6 % of few) until no value was added for a whole window.
//
// Sketches are taken from a SketchBudget; when that is used up, a counter stays at its exact part,
// which is then a lower bound, and the budget counts each value that was not added.
//
// add() costs the same however many values there are; count() is worked out again only after the
// estimate has changed, which is the rarer the more values there are. The first call in a second
// slides the window (some 10 µs). Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "flow/sliding_sketch.h"

namespace mlguard::flow {

inline constexpr std::size_t kExactValuesMax = 64;

// How many sketches of sizeof(SlidingSketch), 23 kB, there may be at once.
struct SketchBudget {
  std::size_t sketches_max = 0;
  std::size_t in_use = 0;
  std::uint64_t values_refused = 0;
};

class DistinctCounter {
 public:
  DistinctCounter() = default;
  DistinctCounter(DistinctCounter&&) = default;
  // Frees the sketch that it held before.
  DistinctCounter& operator=(DistinctCounter&& other) noexcept;
  ~DistinctCounter();
  // What one takes beside itself while it counts exactly; a sketch takes sizeof(SlidingSketch).
  static constexpr std::size_t exact_bytes_max() { return kExactValuesMax * sizeof(Seen); }

  // `value`: well mixed bits (a hash), different values of which count as different. `now_second`
  // never goes back. REQUIRES: the same budget in every call, which outlives the counter.
  void add(std::uint64_t value, std::uint32_t now_second, SketchBudget& budget);
  double count(std::uint32_t now_second);

 private:
  struct Seen {
    std::uint64_t value = 0;
    std::uint32_t second = 0;
  };

  void begin_sketch(std::uint32_t now_second, SketchBudget& budget);
  void end_sketch();

  std::vector<Seen> exact_;
  std::unique_ptr<SlidingSketch> sketch_;
  SketchBudget* budget_ = nullptr;  // of sketch_
  std::uint32_t last_second_ = 0;
};

}  // namespace mlguard::flow
