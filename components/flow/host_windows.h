// HostWindows: what each host did in the last ten seconds, as a source of flows and as their
// destination, and what is normal for it.
//
// Time is event time in whole seconds: it comes from the packets and never goes back. The window is
// the current second and the nine before it. What is normal is the mean per second since the host
// was first seen, weighted by exp(-age / kNormalSeconds), and undefined in its first
// kNormalSecondsMin seconds.
//
// Memory is bounded: hosts_max hosts in each role (the one without traffic for the longest time
// makes room, and is counted), ten buckets each, sketches_max sketches (distinct_counter.h), and
// pairs_max pairs (pair_windows.h).
// One thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "flow/distinct_counter.h"
#include "flow/flow_record.h"
#include "flow/lru_table.h"
#include "flow/pair_windows.h"

namespace mlguard::flow {

inline constexpr double kNormalSeconds = 300;
inline constexpr std::uint32_t kNormalSecondsMin = 60;

struct Address {
  std::array<std::uint8_t, MLG_ADDRESS_BYTES> bytes{};
  static Address of(const std::uint8_t* bytes);
};

struct HostWindowsOptions {
  std::size_t hosts_max = 16'384;
  std::size_t sketches_max = 1'024;
  std::size_t pairs_max = 65'536;
  std::uint64_t seed = 0;
};

// One role: hosts as sources, or as destinations.
class HostTable {
 public:
  explicit HostTable(const HostWindowsOptions& options)
      : table_(options.hosts_max, options.seed), seed_(options.seed) {}
  // Of a full table whose hosts all have as many peers and ports as can be counted exactly.
  static std::size_t bytes_max(std::size_t hosts_max);

  // Names a host for as long as it is in the table; afterwards it is ignored.
  struct Handle {
    std::uint32_t index = ~std::uint32_t{0};
    std::uint32_t generation = 0;
  };

  // As things stand; an unknown host has done nothing.
  HostWindow look(const Address& host, std::uint32_t second);
  Handle add_flow(const Address& host, const Address& peer, std::uint16_t port,
                  std::uint32_t second, SketchBudget& budget);
  void add_packets(Handle handle, std::uint64_t packets, std::uint64_t bytes, std::uint32_t second);
  // A flow that began in `begun_second` was opened.
  void open_flow(Handle handle, std::uint32_t begun_second);

  std::size_t size() const { return table_.size(); }
  std::uint64_t evicted() const { return evicted_; }

 private:
  struct Bucket {
    std::uint32_t second = 0;
    std::uint32_t flows = 0;
    std::uint32_t opened = 0;
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  struct Host {
    std::array<Bucket, kWindowSeconds> buckets;
    DistinctCounter ports;
    DistinctCounter hosts;
    std::uint32_t first_second = 0;
    std::uint32_t last_second = 0;  // up to which the sums are weighted
    double flows_weighted = 0;
    double packets_weighted = 0;
  };
  using Table = LruTable<Address, Host>;

  static double weight(std::uint32_t seconds);
  Bucket& bucket(Table::Index at, std::uint32_t second);
  static HostWindow window_of(Host& host, std::uint32_t second);

  Table table_;
  std::uint64_t seed_;
  std::uint64_t evicted_ = 0;
};

class HostWindows {
 public:
  explicit HostWindows(const HostWindowsOptions& options)
      : budget_{options.sketches_max},
        sources_(options),
        destinations_(options),
        pairs_(options.pairs_max, options.seed) {}
  // The tables hold on to the budget's address.
  HostWindows(const HostWindows&) = delete;
  HostWindows& operator=(const HostWindows&) = delete;
  // The most memory that it ever takes (but for the moment in which a table grows).
  static std::size_t bytes_max(const HostWindowsOptions& options);

  struct Handles {
    HostTable::Handle source;
    HostTable::Handle destination;
    PairWindows::Handle pair;
  };

  FlowWindows look(const PairKey& pair, std::uint32_t second);
  // In event time, as the second.
  Handles add_flow(const PairKey& pair, std::uint64_t now_ns, std::uint32_t second);
  // A packet that the source sent.
  void add_packets(const Handles& handles, std::uint64_t packets, std::uint64_t bytes,
                   std::uint32_t second);
  void open_flow(const Handles& handles, std::uint32_t begun_second, std::uint32_t second);

  std::uint64_t hosts_evicted() const { return sources_.evicted() + destinations_.evicted(); }
  std::size_t hosts() const { return sources_.size() + destinations_.size(); }
  const SketchBudget& sketches() const { return budget_; }
  const PairWindows& pairs() const { return pairs_; }

 private:
  SketchBudget budget_;  // Outlives the tables.
  HostTable sources_;
  HostTable destinations_;
  PairWindows pairs_;
};

}  // namespace mlguard::flow
