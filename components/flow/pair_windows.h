// PairWindows: what one host did lately with one service of another: the flows of one source to one
// destination, port and protocol (ICMP has no ports: all of a pair's ICMP is one service). This is
// where a slow guesser of passwords or a beacon differs from a busy host.
//
// Time is event time, as in host_windows.h. Beside the ten-second window, everything is remembered
// with a weight of exp(-age / kLatelySeconds), by whole seconds. A pair that began nothing for
// kPairForgottenSeconds is forgotten.
//
// Memory is bounded: pairs_max pairs; the one without a new flow for the longest time makes room,
// and is counted. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "flow/flow_record.h"
#include "flow/lru_table.h"
#include "flow/sliding_sketch.h"

namespace mlguard::flow {

inline constexpr double kLatelySeconds = 300;
inline constexpr std::uint32_t kPairForgottenSeconds = 3'600;

// One direction of one service. Without uninitialised bytes: it is hashed and compared as such.
struct PairKey {
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> source{};
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> destination{};
  std::uint16_t port = 0;
  std::uint8_t protocol = 0;
  std::array<std::uint8_t, 5> padding{};
};

// Mean and spread of values that fade: West's update (Communications of the ACM 22, 1979), which
// keeps the digits of values that hardly differ.
class FadingMean {
 public:
  void fade(double weight) {
    weight_ *= weight;
    squares_ *= weight;
  }
  void add(double value);
  double mean() const;
  // Standard deviation over the mean; NaN of fewer than two values, or of a mean of 0.
  double variation() const;

 private:
  std::uint32_t values_ = 0;  // ever, up to 2
  double weight_ = 0;
  double mean_ = 0;
  double squares_ = 0;  // weighted sum of squared distances from the mean
};

class PairWindows {
 public:
  PairWindows(std::size_t pairs_max, std::uint64_t seed) : table_(pairs_max, seed) {}
  static std::size_t bytes_max(std::size_t pairs_max) { return Table::bytes_max(pairs_max); }

  // Names a pair for as long as it is in the table; afterwards it is ignored.
  struct Handle {
    std::uint32_t index = ~std::uint32_t{0};
    std::uint32_t generation = 0;
  };

  // As things stand; a pair that is not known has done nothing.
  PairWindow look(const PairKey& pair, std::uint32_t second);
  Handle add_flow(const PairKey& pair, std::uint64_t now_ns, std::uint32_t second);
  // A flow that began in `begun_second` was opened.
  void open_flow(Handle handle, std::uint32_t begun_second, std::uint32_t second);

  std::size_t size() const { return table_.size(); }
  std::uint64_t evicted() const { return evicted_; }

 private:
  struct Pair {
    std::array<std::uint32_t, kWindowSeconds> flows{};  // by second % kWindowSeconds
    std::uint32_t second = 0;                           // up to which all is slid and faded
    std::uint32_t last_begin_second = 0;
    std::uint64_t last_begin_ns = 0;
    double begun = 0;  // faded, as the rest
    double opened = 0;
    FadingMean gaps_s;  // between the beginnings of flows
  };
  using Table = LruTable<PairKey, Pair>;

  static void slide(Pair& pair, std::uint32_t second);
  Pair* find(Handle handle);

  Table table_;
  std::uint64_t evicted_ = 0;
};

}  // namespace mlguard::flow
