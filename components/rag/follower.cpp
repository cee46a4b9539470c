#include "rag/follower.h"

#include <algorithm>
#include <array>

#include "rag/follower_work.h"
#include "rag/records_of.h"

namespace mlguard::rag {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::int64_t kDayMs = 24LL * 3'600'000;
constexpr std::size_t kPagesMax = 10'000;  // of one list
constexpr std::string_view kConfig = "config/";

bool begins_with(const std::string& text, std::string_view what) {
  return text.compare(0, what.size(), what) == 0;
}

// Entries that change nothing of what is read here but the trail of changes itself.
bool is_plain(const std::string& resource) {
  static constexpr std::array<std::string_view, 9> kKnown = {
      "components/", "applied/", "identities/", "tokens/", "pipeline-keys",
      "models/",     "members",  "leader",      "audit"};
  return std::any_of(kKnown.begin(), kKnown.end(),
                     [&](std::string_view known) { return begins_with(resource, known); });
}

bool is_noise(const std::string& resource) {
  return resource == "heartbeats" || resource == "maintenance";
}

bool is_compacted(const Status& status) {
  return !status.ok() && status.error().code == ErrorCode::not_found &&
         status.error().reason == "compacted";
}

}  // namespace

Follower::Follower(StateSource& source, Index& index, const base::Clock& clock)
    : source_(source), index_(index), clock_(clock) {}

std::int64_t Follower::oldest_ms() const {
  return clock_.wall_ms() - retention_.retention_days * kDayMs;
}

Status Follower::in_time(const Work& work) const {
  if (clock_.monotonic_ms() <= work.deadline_ms) return {};
  return Error{ErrorCode::timeout, "sync_timeout",
               "the control plane's changes could not be read in time; what is indexed stays as it "
               "was"};
}

// The cluster, and its entry at the revision reached: another history has another entry there.
std::string Follower::identity(const Work& work) const {
  return work.head.cluster_id + " " + std::to_string(work.anchor.revision) + " " +
         std::to_string(work.anchor.term) + " " + std::to_string(work.anchor.at_ms);
}

Status Follower::put(Work& work, const std::vector<Record>& records) {
  if (records.empty()) return {};
  work.report.records += records.size();
  return index_.put(records, index_.revision());
}

// False: something that is not known here, and that may have changed anything.
bool Follower::sort_out(const base::Change& change, Work& work) const {
  const std::string& resource = change.resource;
  work.anchor = change;
  if (is_noise(resource)) return true;
  work.anything = true;
  if (resource == "rules") {
    work.rules = true;
  } else if (resource == "detections") {
    work.detections = true;
  } else if (begins_with(resource, kConfig)) {
    work.configs.insert(resource.substr(kConfig.size()));
  } else {
    return is_plain(resource);
  }
  return true;
}

Status Follower::read_changes(Work& work, std::uint64_t after) {
  for (std::size_t page = 0; page < kPagesMax; ++page) {
    if (Status time = in_time(work); !time.ok()) return time;
    const auto changes = source_.changes(after);
    if (!changes.ok()) return changes.error();
    std::vector<Record> records;
    for (const base::Change& change : *changes) {
      // The page begins with the entry that we hold already, to see that it is the same one.
      if (change.revision <= index_.revision()) {
        work.anchor = change;
        work.recognised = identity(work) == index_.history();
        continue;
      }
      if (!work.recognised) {
        work.anew = true;
        return {};
      }
      if (!sort_out(change, work)) work.anew = true;
      for (Record& record : records_of(change)) records.push_back(std::move(record));
    }
    if (Status written = put(work, records); !written.ok()) return written;
    if (changes->size() < kStatePageRows) break;
    after = changes->back().revision;
  }
  if (!work.recognised) work.anew = true;
  return {};
}

Status Follower::read_audit(Work& work, std::uint64_t after) {
  std::uint64_t below = 0;
  const std::int64_t oldest = oldest_ms();
  for (std::size_t page = 0; page < kPagesMax; ++page) {
    if (Status time = in_time(work); !time.ok()) return time;
    auto trail = source_.audit(below);
    if (!trail.ok()) return trail.error();
    const bool last_page = trail->size() < kStatePageRows;
    std::vector<Record> records;
    bool enough = false;
    for (base::AuditRecord& audit : *trail) {
      below = audit.id;
      enough = audit.id <= after || audit.at_ms < oldest;
      if (enough) break;
      records.push_back(record_of(audit));
      for (Record& record : health_transitions(audit)) records.push_back(std::move(record));
      work.audit.push_back(std::move(audit));
    }
    std::reverse(records.begin(), records.end());
    if (Status written = put(work, records); !written.ok()) return written;
    if (enough || last_page) return {};
  }
  return {};
}

Status Follower::read_detections(Work& work, std::uint64_t after) {
  const std::int64_t oldest = oldest_ms();
  for (std::size_t page = 0; page < kPagesMax; ++page) {
    if (Status time = in_time(work); !time.ok()) return time;
    const auto found = source_.detections(after);
    if (!found.ok()) return found.error();
    std::vector<Record> records;
    for (const StoredDetection& one : *found) {
      if (one.detection.detected_at_ms >= oldest) records.push_back(record_of(one));
    }
    if (Status written = put(work, records); !written.ok()) return written;
    if (found->size() < kStatePageRows) return {};
    // The page may have ended inside a revision: that one is read again, unless it is all of it.
    const std::uint64_t last = found->back().revision;
    after = found->front().revision < last ? last - 1 : last;
  }
  return {};
}

Status Follower::read_health(Work& work) {
  if (Status time = in_time(work); !time.ok()) return time;
  const auto states = source_.components();
  if (!states.ok()) return states.error();
  std::vector<Record> records;
  std::set<std::string> names;
  for (const ComponentState& state : *states) {
    names.insert(state.component.name);
    for (Record& record : records_of(state)) {
      record.revision = work.anchor.revision;
      records.push_back(std::move(record));
    }
  }
  Filter known;
  known.tables = {Table::component};
  known.limit = kFindMax;
  const auto before = index_.find(known);
  if (!before.ok()) return before.error();
  std::vector<std::string> gone;
  for (const Record& record : *before) {
    if (names.count(record.key) == 0) gone.push_back(record.key);
  }
  for (const Table table : {Table::component, Table::health}) {
    if (Status removed = index_.remove(table, gone); !removed.ok()) return removed;
  }
  return put(work, records);
}

Status Follower::rebuild(Work& work) {
  work.report.rebuilt = true;
  work.report.records = 0;
  work.deadline_ms = std::max(work.deadline_ms, work.began_ms + kRebuildMs);
  work.recognised = true;
  if (Status cleared = index_.clear(); !cleared.ok()) return cleared;
  const std::uint64_t from = work.head.oldest_revision > 0 ? work.head.oldest_revision - 1 : 0;
  if (Status done = read_changes(work, from); !done.ok()) return done;
  work.anew = false;
  if (Status done = read_audit(work, 0); !done.ok()) return done;
  if (Status done = read_configs(work); !done.ok()) return done;
  if (Status done = read_all_rules(work); !done.ok()) return done;
  if (Status done = read_detections(work, 0); !done.ok()) return done;
  return read_health(work);
}

Status Follower::follow(Work& work) {
  const std::uint64_t ours = index_.revision();
  const std::string history = index_.history();
  if (ours == 0 || history.empty()) return rebuild(work);
  const Status read = read_changes(work, ours - 1);
  if (!read.ok() && !is_compacted(read)) return read;
  if (!read.ok() || work.anew) return rebuild(work);
  if (!work.anything) return read_health(work);
  if (Status done = read_audit(work, ours); !done.ok()) return done;
  for (const std::string& component : work.configs) {
    if (Status done = read_config(work, component); !done.ok()) return done;
  }
  if (work.rules) {
    if (Status done = read_rules(work, ours); !done.ok()) return done;
    if (work.anew) return rebuild(work);
  }
  if (work.detections) {
    if (Status done = read_detections(work, ours); !done.ok()) return done;
  }
  return read_health(work);
}

Status Follower::finish(Work& work) {
  const auto trimmed = index_.trim(oldest_ms(), retention_.documents_max);
  if (!trimmed.ok()) return trimmed.error();
  work.report.trimmed = *trimmed;
  work.report.revision = work.anchor.revision;
  if (Status named = index_.set_history(identity(work)); !named.ok()) return named;
  return index_.put({}, work.anchor.revision);
}

Result<SyncReport> Follower::sync(std::int64_t deadline_ms) {
  Work work;
  work.began_ms = clock_.monotonic_ms();
  work.deadline_ms = deadline_ms;
  const std::int64_t began_at_ms = clock_.wall_ms();
  auto head = source_.head();
  if (!head.ok()) return head.error();
  work.head = std::move(*head);
  auto transaction = index_.begin();
  if (!transaction.ok()) return transaction.error();
  if (Status done = follow(work); !done.ok()) return done.error();
  if (Status done = finish(work); !done.ok()) return done.error();
  if (Status done = (*transaction)->commit(); !done.ok()) return done.error();
  synced_at_ms_ = began_at_ms;
  work.report.took_ms = clock_.monotonic_ms() - work.began_ms;
  return work.report;
}

Status put_docs(Index& index, const std::vector<Record>& docs) {
  Filter all;
  all.tables = {Table::doc};
  all.limit = kFindMax;
  const auto known = index.find(all);
  if (!known.ok()) return known.error();
  std::map<std::string, const Record*> before;
  for (const Record& record : *known) before[record.key] = &record;
  std::vector<Record> changed;
  for (const Record& record : docs) {
    const auto found = before.find(record.key);
    const bool same = found != before.end() && found->second->text == record.text &&
                      found->second->title == record.title;
    if (found != before.end()) before.erase(found);
    if (!same) changed.push_back(record);
  }
  std::vector<std::string> gone;
  gone.reserve(before.size());
  for (const auto& [key, record] : before) gone.push_back(key);
  if (Status removed = index.remove(Table::doc, gone); !removed.ok()) return removed;
  return changed.empty() ? Status() : index.put(changed, index.revision());
}

}  // namespace mlguard::rag
