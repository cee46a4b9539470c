// Beacons: which pairs of a host and a service talk at regular intervals, as a program does that
// calls home to the server that commands it (MITRE ATT&CK T1071, "check-in").
//
// Regular is what RITA calls so (Real Intelligence Threat Analytics, github.com/activecm/rita,
// whose beacon score rests on the same measures): of the intervals between the contacts of a pair,
// the median absolute deviation about the median (MADM) is small beside the median, and their
// spread leans to neither side (Bowley's skewness); of the bytes of the contacts, the MADM is
// small. Medians, so that a contact that was missed, or a command that was longer, changes nothing.
//
// A contact is a TCP flow in which both sides said something: programs that play, talk or keep a
// tunnel open send UDP as regularly (a TeamSpeak server reports itself every 600 s), and C2 of that
// kind hides in DNS, where every host is regular. Each counts once, by when it began; only
// the last kContactsKept are looked at. Pairs whose flows come much faster than the shortest period
// (by the sniffer's own window) are not followed: that is what spares busy clients the cost.
//
// Pure: no clock (time is the flows' own), no I/O. Memory is bounded by pairs_max; the pair that
// was quiet longest makes room. One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "flow/flow_record.h"
#include "flow/lru_table.h"
#include "flow/pair_windows.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kContactsKept = 32;
inline constexpr std::size_t kBeaconPairsMax = 32'768;

struct BeaconLimits {
  std::uint32_t contacts = 20;  // in a row that are regular
  double period_min_s = 5;
  double period_max_s = 3'600;
  double jitter = 0.2;           // MADM of the intervals over their median
  std::uint64_t bytes = 16'384;  // payload of a contact both ways, the median
  bool operator==(const BeaconLimits&) const = default;
};

struct Rhythm {
  std::uint32_t contacts = 0;  // in a row, this one included
  double period_s = 0;
  double jitter = 0;
};

class Beacons {
 public:
  explicit Beacons(std::uint64_t seed, std::size_t pairs_max = kBeaconPairsMax)
      : pairs_(pairs_max, seed) {}

  // Counts the flow; the rhythm of its pair once that is regular and has enough contacts.
  std::optional<Rhythm> look(const flow::FlowRecord& record, const BeaconLimits& limits);

  std::size_t pairs() const { return pairs_.size(); }

 private:
  struct Pair {
    std::uint64_t last_ms = 0;
    std::uint32_t contacts = 0;  // since it began, or was silent for long
    std::uint32_t regular = 0;   // of these in a row, up to now
    // Rings, at contacts % kContactsKept: the low bits of a time in milliseconds, and payload.
    std::array<std::uint32_t, kContactsKept> begun_ms{};
    std::array<std::uint32_t, kContactsKept> bytes{};
  };

  static void add(Pair& pair, std::uint64_t begun_ms, std::uint64_t bytes, double period_max_s);
  static std::optional<Rhythm> rhythm_of(const Pair& pair, const BeaconLimits& limits);

  flow::LruTable<flow::PairKey, Pair> pairs_;
};

}  // namespace mlguard::ml_detector
