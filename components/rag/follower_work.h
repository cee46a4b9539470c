// What one sync of the Follower gathers. Passive data, internal to it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "rag/follower.h"

namespace mlguard::rag {

struct Follower::Work {
  StateHead head;
  std::int64_t began_ms = 0;     // monotonic
  std::int64_t deadline_ms = 0;  // monotonic
  base::Change anchor;           // The last change that is read: the revision to reach.
  bool recognised = false;       // Our own last entry stands in this history, too.
  bool anew = false;             // It does not, or nobody knows what changed: begin from nothing.
  // What the changes name.
  std::set<std::string> configs;
  bool rules = false;
  bool detections = false;
  bool anything = false;                                // but heartbeats
  std::map<std::string, std::int64_t> deleted_configs;  // when
  std::vector<base::AuditRecord> audit;                 // newest first
  std::map<std::string, std::string> documents;         // "name@version"
  SyncReport report;
};

}  // namespace mlguard::rag
