// KnownServers: addresses that were asked for something and answered with data: this network's own
// servers, and those elsewhere that its clients use (name servers, mail, the web). Whoever forges
// packets likes to forge theirs, so that we block what we need.
//
// An outsider cannot enter the list: it takes a conversation that somebody else began. An address
// leaves it kKnownServerSeconds after its last answer, or when servers_max others answered later.
// Time is event time. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "flow/flow_record.h"
#include "flow/host_windows.h"
#include "flow/lru_table.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kKnownServersMax = 32'768;
inline constexpr std::uint64_t kKnownServerSeconds = 24 * 3'600;

class KnownServers {
 public:
  explicit KnownServers(std::uint64_t seed, std::size_t servers_max = kKnownServersMax)
      : servers_(servers_max, seed) {}

  void look(const flow::FlowRecord& record);
  // `at_s`: event time.
  bool contains(const flow::Address& address, std::uint64_t at_s) const;

  // To keep them over a restart: the address and when it answered last, oldest first.
  struct Entry {
    flow::Address address;
    std::uint64_t last_s = 0;
  };
  std::vector<Entry> entries() const;
  void restore(const std::vector<Entry>& entries);
  std::size_t size() const { return servers_.size(); }

 private:
  void add(const flow::Address& address, std::uint64_t at_s);

  flow::LruTable<flow::Address, std::uint64_t> servers_;
};

}  // namespace mlguard::ml_detector
