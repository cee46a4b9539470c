// StoreState: the totals that node_state keeps beside the rows, updated with every captured change
// and written at every commit. Passive data; copied before a group and put back when it fails.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/model.h"
#include "db/digest.h"

namespace mlguard::db {

struct StoreState {
  std::uint64_t term = 1;      // The node's current term.
  std::string voted_for;       // In that term; empty: nobody.
  std::uint64_t revision = 0;  // Of the last entry.
  std::uint64_t last_term = 0;
  Digest digest{};  // The chain at `revision`.
  Digest state_digest{};
  std::uint64_t rules_digest = 0;
  std::uint64_t rules_revision = 0;  // The last that changed a rule.
  std::uint64_t rules_floor = 0;     // The highest revision of a rule tombstone that was purged.
  std::uint64_t rules_live = 0;
  std::uint64_t detections = 0;
  std::uint64_t row_count = 0;
  // A lower bound of what is committed; never above `revision` in the file.
  std::uint64_t committed = 0;
  // The last entry whose images are no longer kept; the log begins after it.
  std::uint64_t log_base_revision = 0;
  std::uint64_t log_base_term = 0;
  Digest log_base_digest{};
  std::uint64_t log_bytes = 0;  // Images and summaries after the base.
};

// What a group changed, for those who keep some of it in memory.
struct GroupEffects {
  std::map<std::string, std::optional<base::Component>> components;  // nullopt: removed.
  std::map<std::string, std::uint64_t> config_versions;              // 0: none in force now.
  bool rules_changed = false;
  bool members_changed = false;
  std::optional<std::uint64_t> pipeline_keys_revision;  // The last that changed a pipeline key.
  // Keys that are no longer welcome: their sessions end, on every instance.
  std::vector<std::string> revoked_keys;
  // A snapshot was installed: the maps hold everything there is, and nothing else counts any more.
  bool replaced = false;
};

}  // namespace mlguard::db
