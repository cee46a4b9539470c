// Follower: brings the Index to the control plane's present. It asks which changes came after the
// revision that the index holds, reads only what they name, and writes all of it together with the
// revision that it stands for: what is not whole leaves nothing.
//
// It begins anew from the present state when there is nothing yet, when the log does not reach back
// far enough ("compacted"), or when the cluster's history is another one (restored, replaced): the
// entry at our own revision is compared each time. Present health, which changes with every beat
// and makes no entry for it, is read each time.
//
// Threads: one at a time, the Index's. Errors: the source's (nothing is changed then, and the next
// sync tries again), timeout, the Index's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "rag/index.h"
#include "rag/state_source.h"

namespace mlguard::rag {

inline constexpr std::size_t kVersionsFollowedMax = 500;  // of one component: the newest
inline constexpr std::int64_t kRebuildMs = 10 * 60'000;   // what building anew may take

// config `index.*`
struct Retention {
  int retention_days = 30;
  std::size_t documents_max = 1'000'000;
};

struct SyncReport {
  bool rebuilt = false;
  std::uint64_t revision = 0;
  std::size_t records = 0;  // written
  std::size_t trimmed = 0;
  std::int64_t took_ms = 0;
};

class Follower {
 public:
  // All must outlive it.
  Follower(StateSource& source, Index& index, const base::Clock& clock);

  void set_retention(const Retention& retention) { retention_ = retention; }

  // `deadline_ms`: on the clock's monotonic time; building anew may take kRebuildMs in any case.
  base::Result<SyncReport> sync(std::int64_t deadline_ms);
  // The clock's wall time when the last sync that succeeded began: what the index holds is no
  // older.
  std::int64_t synced_at_ms() const { return synced_at_ms_; }

 private:
  struct Work;

  base::Status follow(Work& work);
  base::Status rebuild(Work& work);
  base::Status read_changes(Work& work, std::uint64_t after);
  bool sort_out(const base::Change& change, Work& work) const;
  base::Status read_config(Work& work, const std::string& component);
  base::Status read_configs(Work& work);
  base::Status read_rules(Work& work, std::uint64_t after);
  base::Status read_all_rules(Work& work);
  base::Status read_audit(Work& work, std::uint64_t after);
  base::Status read_detections(Work& work, std::uint64_t after);
  base::Status read_health(Work& work);
  base::Status end_rules(Work& work, const std::vector<std::string>& ids);
  base::Status set_aside_ended(Work& work, const base::Rule& rule);
  base::Status past_rules(Work& work, const base::RuleSet& live);
  base::Status put(Work& work, const std::vector<Record>& records);
  base::Status finish(Work& work);
  base::Status in_time(const Work& work) const;
  base::Result<std::string> document_of(Work& work, const std::string& component,
                                        std::uint64_t version);
  std::string identity(const Work& work) const;
  std::int64_t oldest_ms() const;

  StateSource& source_;
  Index& index_;
  const base::Clock& clock_;
  Retention retention_;
  std::int64_t synced_at_ms_ = 0;
};

// The product's documentation, compiled in (product_docs.cpp), put where it is not as it should be.
std::vector<Record> product_docs();
base::Status put_docs(Index& index, const std::vector<Record>& docs);

}  // namespace mlguard::rag
