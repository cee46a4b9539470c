#include "replicator/durable_log.h"

#include <algorithm>
#include <utility>

#include "base/logging.h"
#include "replicator/log_entries.h"

namespace mlguard::replicator {

namespace {

void tell_unreadable(const base::Error& error) {
  base::log_error("the log cannot be read", {{"error", error.message}});
}

std::vector<Entry> entries_of(const std::vector<db::LogEntry>& found) {
  std::vector<Entry> entries;
  entries.reserve(found.size());
  for (const db::LogEntry& entry : found) entries.push_back(entry_of(entry));
  return entries;
}

}  // namespace

DurableLog::DurableLog(std::unique_ptr<db::LogView> view, const Position& tail)
    : view_(std::move(view)), before_(tail) {}

void DurableLog::append(std::vector<Entry> entries) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries) {
    bytes_ += entry.payload.size();
    recent_.push_back(std::move(entry));
  }
  while (recent_.size() > kRecentEntriesMax || (recent_.size() > 1 && bytes_ > kRecentBytesMax)) {
    bytes_ -= recent_.front().payload.size();
    before_ = position_of(recent_.front());
    recent_.pop_front();
  }
}

void DurableLog::replaced(const Position& tail) {
  const std::lock_guard lock(mutex_);
  recent_.clear();
  bytes_ = 0;
  before_ = tail;
}

std::optional<Position> DurableLog::position_at(Revision revision) const {
  {
    const std::lock_guard lock(mutex_);
    if (revision == before_.revision) return before_;
    if (revision > before_.revision) {
      const std::size_t index = revision - before_.revision - 1;
      if (index >= recent_.size()) return std::nullopt;
      return position_of(recent_[index]);
    }
  }
  base::Result<std::optional<db::LogPosition>> found = view_->position_at(revision);
  if (!found) {
    tell_unreadable(found.error());
    return std::nullopt;
  }
  if (!found->has_value()) return std::nullopt;
  return Position{(*found)->revision, (*found)->term, (*found)->digest};
}

std::vector<Entry> DurableLog::entries(Revision after, Revision through, std::size_t count_max,
                                       std::size_t bytes_max) const {
  {
    const std::lock_guard lock(mutex_);
    if (after >= before_.revision) {
      std::vector<Entry> found;
      std::size_t bytes = 0;
      for (std::size_t i = after - before_.revision; i < recent_.size(); ++i) {
        const Entry& entry = recent_[i];
        bytes += entry.payload.size();
        if (entry.revision > through || found.size() == count_max) break;
        if (!found.empty() && bytes > bytes_max) break;
        found.push_back(entry);
      }
      return found;
    }
  }
  const base::Result<std::vector<db::LogEntry>> found =
      view_->entries(after, through, count_max, bytes_max);
  if (found) return entries_of(*found);
  if (found.error().code != base::ErrorCode::not_found) tell_unreadable(found.error());
  return {};
}

SetAside DurableLog::set_aside(std::size_t count_max, std::size_t bytes_max) const {
  const base::Result<db::SetAsideEntries> found = view_->set_aside(count_max, bytes_max);
  if (found) return {found->common, entries_of(found->entries)};
  tell_unreadable(found.error());
  return {};
}

}  // namespace mlguard::replicator
