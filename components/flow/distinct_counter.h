// How many different values were seen in the last kWindowSeconds seconds: exact up to
// kExactValuesMax, estimated beyond.
//
// The estimate is linear counting (Whang, Vander-Zanden, Taylor, "A linear-time probabilistic
// counting algorithm for database applications", ACM TODS 15(2), 1990) over a vector of times
// instead of bits, so that the window slides (Kim, O'Hallaron, "Counting network flows in real
// time", IEEE GLOBECOM 2003). With kSketchSlots slots the standard error is below 3 % up to 4,000
// values; it never says more than 15,615.
//
// Sketches are taken from a SketchBudget; when that is used up, a counter stays at its exact part,
// which is then a lower bound, and the budget counts each value that was not added. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mlguard::flow {

inline constexpr std::uint32_t kWindowSeconds = 10;
inline constexpr std::size_t kExactValuesMax = 64;
inline constexpr std::size_t kSketchSlots = 2'048;

// True for the current second and the kWindowSeconds - 1 before it.
inline bool in_window(std::uint32_t second, std::uint32_t now_second) {
  return now_second - second < kWindowSeconds;
}

// How many sketches of kSketchSlots * 4 bytes there may be at once.
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

  // `value`: well mixed bits (a hash), different values of which count as different. `now_second`
  // never goes back. REQUIRES: the same budget in every call, which outlives the counter.
  void add(std::uint64_t value, std::uint32_t now_second, SketchBudget& budget);
  double count(std::uint32_t now_second) const;

 private:
  struct Seen {
    std::uint64_t value = 0;
    std::uint32_t second = 0;
  };

  bool begin_sketch(SketchBudget& budget);
  void end_sketch();
  // Slots hold the second + 1 in which they were last hit; 0: never.
  void mark(std::uint64_t value, std::uint32_t second);

  std::vector<Seen> exact_;
  std::unique_ptr<std::uint32_t[]> sketch_;
  SketchBudget* budget_ = nullptr;  // of sketch_
  std::uint32_t last_second_ = 0;
};

}  // namespace mlguard::flow
