#include "db/tail_merger.h"

#include <algorithm>
#include <utility>

#include "db/hybrid_clock.h"
#include "db/image_apply.h"
#include "db/log_queries.h"
#include "db/row_reading.h"
#include "db/row_text.h"

namespace mlguard::db {

namespace {

constexpr std::size_t kScanEntriesMax = 256;  // in memory at a time
constexpr std::size_t kScanBytesMax = 8 * 1024 * 1024;

std::string stamp_of(const RowImage& image) {
  return std::to_string(hlc_of(image)) + "@" + std::string(origin_of(image));
}

std::string place_of(const RowImage& image) {
  return std::string(image.table->name) + "/" + row_key_text(image);
}

std::string write_of(const RowImage& image) { return place_of(image) + "=" + stamp_of(image); }

bool is_tombstone(const RowImage& image) {
  const auto* deleted = std::get_if<std::int64_t>(&image.values.back());
  return deleted != nullptr && *deleted != 0;
}

// What a table would refuse must not fail a whole group of others' writes.
bool fits_table(const RowImage& image) {
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    const ImageValue& value = image.values[i];
    bool fits = false;
    switch (image.table->columns[i].type) {
      case ColumnType::integer: fits = std::holds_alternative<std::int64_t>(value); break;
      case ColumnType::real: fits = std::holds_alternative<double>(value); break;
      case ColumnType::text: fits = std::holds_alternative<std::string_view>(value); break;
      case ColumnType::blob: fits = std::holds_alternative<ImageBlob>(value); break;
    }
    if (!fits) return false;
  }
  return true;
}

// The column that says which revision wrote the row, so that streams deliver it.
std::optional<std::size_t> revision_column(TableId table) {
  switch (table) {
    case TableId::config: return 7;
    case TableId::rule: return 8;
    case TableId::detection: return 10;
    case TableId::member: return 2;
    case TableId::pipeline_key: return 6;
    case TableId::model_part: return 8;
    default: return std::nullopt;
  }
}

std::uint64_t stamp_at(std::int64_t wall_ms) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(wall_ms, 0)) << kHlcCounterBits;
}

}  // namespace

base::Result<TailMerger> TailMerger::prepare(Connection& connection, const MergeRequest& request,
                                             std::vector<bool> answered, const StoreState& state,
                                             std::int64_t now_ms) {
  TailMerger merger(connection, request, std::move(answered), state, now_ms);
  for (std::size_t i = 0; i < request.entries.size(); ++i) {
    auto images = decode_images(request.entries[i].rows);
    if (!images.ok()) return images.error();
    if (!std::all_of(images->begin(), images->end(), fits_table)) {
      return base::Error{base::ErrorCode::corrupt, "bad_image",
                         "a row of entry " + std::to_string(request.entries[i].revision) + " of " +
                             request.from +
                             " does not fit its table, so its entries are not merged; run the same "
                             "release on all instances"};
    }
    merger.images_.push_back(std::move(images).value());
    merger.index_rows(i);
  }
  return merger;
}

TailMerger::TailMerger(Connection& connection, const MergeRequest& request,
                       std::vector<bool> answered, const StoreState& state, std::int64_t now_ms)
    : connection_(connection),
      request_(request),
      answered_(std::move(answered)),
      ahead_(stamp_at(now_ms + kMergeClockAheadMsMax)),
      log_base_(state.log_base_revision),
      revision_(state.revision) {}

void TailMerger::index_rows(std::size_t entry) {
  for (const RowImage& image : images_[entry]) {
    if (image.kind != ImageKind::row) continue;
    tail_writes_.insert(write_of(image));
    std::size_t& last = last_writers_[place_of(image)];
    if (!answered_[entry]) last = entry;
  }
}

bool TailMerger::is_void(std::size_t index) const {
  if (images_[index].empty()) return true;
  const LogEntry& entry = request_.entries[index];
  const auto ours = query_position(connection_, LogPosition(), entry.revision);
  return entry.revision != 0 && ours && ours->digest == entry.digest;
}

std::uint64_t TailMerger::hlc_max(std::size_t index) const {
  std::uint64_t highest = 0;
  for (const RowImage& image : images_[index]) {
    if (image.kind == ImageKind::row && !is_ahead(image)) {
      highest = std::max(highest, hlc_of(image));
    }
  }
  return highest;
}

TailMerger::Outcome TailMerger::merge_entry(std::size_t index, const CommandContext& context) {
  Outcome outcome;
  recorded_ = 0;
  for (const RowImage& image : images_[index]) {
    // What is purged for good is this history's own business.
    if (image.kind != ImageKind::row) continue;
    if (image.table->id == TableId::conflict) {
      keep_conflict(image, context);
      continue;
    }
    if (answered_[index]) continue;
    switch (merge_image(index, image, context)) {
      case Verdict::taken: ++outcome.taken; break;
      case Verdict::stands: break;
      case Verdict::lost: ++outcome.lost; break;
    }
  }
  outcome.recorded = recorded_;
  return outcome;
}

TailMerger::Verdict TailMerger::merge_image(std::size_t entry, const RowImage& image,
                                            const CommandContext& context) {
  // Judged once already. Its victor may be cleared away since, or the clock have caught up: that
  // must not make it win the second time.
  if (is_recorded(image)) return Verdict::lost;
  // Its condition held in another history; here nobody checked it.
  if (request_.entries[entry].compare_and_set) return record(image, "compare-and-set", context);
  // Who votes is decided by majorities, never by clocks.
  if (image.table->id == TableId::member) return record(image, "membership", context);
  if (is_ahead(image)) return record(image, "clock ahead", context);
  if (image.table->id == TableId::audit) return merge_audit(image, context);
  return merge_row(entry, image, context);
}

TailMerger::Verdict TailMerger::merge_row(std::size_t entry, const RowImage& image,
                                          const CommandContext& context) {
  const auto bytes = read_row(connection_, *image.table, image.values);
  if (!bytes) {
    take(image, context);
    return Verdict::taken;
  }
  const auto decoded = decode_images(*bytes);
  const RowImage& standing = decoded->front();
  const auto theirs = std::make_pair(hlc_of(image), origin_of(image));
  const auto ours = std::make_pair(hlc_of(standing), origin_of(standing));
  if (theirs == ours) return Verdict::stands;
  // What was deleted on both sides is lost to nobody.
  const bool both_deleted = is_tombstone(image) && is_tombstone(standing);
  if (theirs > ours) {
    if (!both_deleted && !was_seen(standing)) record(standing, "overwritten", context);
    take(image, context);
    return Verdict::taken;
  }
  // Its own writer has replaced it, and that is merged already: this is done the second time.
  if (tail_writes_.count(write_of(standing)) != 0) return Verdict::stands;
  if (both_deleted) return Verdict::stands;
  // Its own writer has replaced it, and that write is judged in its place.
  if (last_writers_.at(place_of(image)) > entry) return Verdict::lost;
  return record(image, "older", context);
}

// Audit records are numbered by the revision that recorded them. Under its old number a record
// could push out another one, or stand in the way of one to come: a node that leads again may give
// one revision twice.
TailMerger::Verdict TailMerger::merge_audit(const RowImage& image, const CommandContext& context) {
  if (audit_is_known(image)) return Verdict::stands;
  RowImage renumbered = image;
  renumbered.values.front() = static_cast<std::int64_t>(context.revision);
  write_image(connection_, renumbered);
  return Verdict::stands;  // A record of the write, not the write.
}

void TailMerger::take(const RowImage& image, const CommandContext& context) {
  RowImage taken = image;
  if (const auto column = revision_column(image.table->id)) {
    taken.values[*column] = static_cast<std::int64_t>(context.revision);
  }
  write_image(connection_, taken);
}

// What was kept for its readers over there is kept for ours.
void TailMerger::keep_conflict(const RowImage& image, const CommandContext& context) {
  if (read_row(connection_, *image.table, image.values)) return;
  RowImage kept = image;
  // Stamped anew, so that a clock over there that was far ahead does not move ours.
  kept.values[kept.values.size() - 3] = static_cast<std::int64_t>(context.hlc);
  kept.values[kept.values.size() - 2] = std::string_view(context.origin);
  write_image(connection_, kept);
  ++recorded_;
}

TailMerger::Verdict TailMerger::record(const RowImage& image, const char* reason,
                                       const CommandContext& context) {
  // Heartbeats come anew every few seconds; nobody looks for a lost one.
  if (image.table->id == TableId::heartbeat || is_recorded(image)) return Verdict::lost;
  add_row(context, TableId::conflict, image.table->name, row_key_text(image), hlc_of(image),
          std::string(origin_of(image)), row_json(image), reason, context.now_ms);
  ++recorded_;
  return Verdict::lost;
}

bool TailMerger::is_recorded(const RowImage& image) {
  Query row = connection_.query(
      "SELECT 1 FROM conflict WHERE table_name = ? AND row_key = ? AND lost_hlc = ? AND "
      "lost_origin = ?");
  row.bind_all(image.table->name, row_key_text(image), hlc_of(image), origin_of(image));
  return row.step();
}

bool TailMerger::was_seen(const RowImage& standing) {
  if (tail_writes_.count(write_of(standing)) != 0) return true;
  // Without the images nobody knows any more: better a record too many than one too few.
  if (request_.common < log_base_) return false;
  if (!touched_) find_touched();
  return touched_->count(place_of(standing)) == 0;
}

void TailMerger::find_touched() {
  touched_.emplace();
  std::uint64_t after = request_.common;
  for (;;) {
    const auto entries =
        query_entries(connection_, after, revision_, kScanEntriesMax, kScanBytesMax);
    if (entries.empty()) return;
    after = entries.back().revision;
    for (const LogEntry& entry : entries) {
      const auto images = decode_images(entry.rows);
      if (!images.ok()) continue;
      for (const RowImage& image : *images) {
        std::string place = place_of(image);
        if (last_writers_.count(place) != 0) touched_->insert(std::move(place));
      }
    }
  }
}

bool TailMerger::audit_is_known(const RowImage& image) {
  if (!audit_stamps_) {
    audit_stamps_.emplace();
    Query row = connection_.query("SELECT hlc, origin FROM audit WHERE id > ?");
    row.bind(request_.common);
    while (row.step()) {
      audit_stamps_->insert(std::to_string(row.unsigned_integer(0)) + "@" + row.text(1));
    }
  }
  return audit_stamps_->count(stamp_of(image)) != 0;
}

}  // namespace mlguard::db
