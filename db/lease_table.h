// LeaseTable: which components are alive, in memory. Heartbeats renew leases here and never wait
// for the disk; the engine takes the renewed ones from here every five seconds.
//
// Threads: any. One mutex, held for a few hash look-ups at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/model.h"
#include "base/result.h"
#include "db/engine.h"

namespace mlguard::db {

inline constexpr std::size_t kFlushBatchMax = 1'000;  // heartbeats in one write
inline constexpr std::size_t kHeartbeatStatusCharsMax = 32;

class LeaseTable {
 public:
  // As Engine::renew_lease. `now_ms` stands in where the heartbeat says nothing of its arrival.
  base::Result<base::ResourceHeads> renew(const base::Heartbeat& heartbeat, std::int64_t now_ms);
  std::vector<Lease> all() const;

  // Up to kFlushBatchMax heartbeats that were renewed since they were last taken.
  std::vector<base::Heartbeat> take_renewed();
  // Those could not be stored: they will be taken again.
  void put_back(const std::vector<base::Heartbeat>& heartbeats);

  // A registration that took effect, or one found at start.
  void put(const base::Component& component);
  // Found at start; ignored unless it is of the instance that is registered.
  void restore_heartbeat(const base::Heartbeat& heartbeat);
  void remove(const std::string& name);
  void clear();
  // True when nobody, or that very key, holds the name.
  bool free_or_held_by(std::string_view name, std::string_view key) const;
  void set_config_version(const std::string& component, std::uint64_t version);
  void set_rules_revision(std::uint64_t revision);
  void set_pipeline_keys_revision(std::uint64_t revision);

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  template <class Value>
  using Map = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

  struct Entry {
    Lease lease;
    std::uint64_t config_version = 0;
    bool renewed = false;
  };

  mutable std::mutex mutex_;
  Map<Entry> leases_;                         // GUARDED_BY(mutex_)
  Map<std::uint64_t> config_versions_;        // GUARDED_BY(mutex_)
  std::vector<std::string> renewed_;          // GUARDED_BY(mutex_): names; some may be gone
  std::uint64_t global_version_ = 0;          // GUARDED_BY(mutex_)
  std::uint64_t rules_revision_ = 0;          // GUARDED_BY(mutex_)
  std::uint64_t pipeline_keys_revision_ = 0;  // GUARDED_BY(mutex_)
};

}  // namespace mlguard::db
