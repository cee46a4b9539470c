// Outbox: detections and rules on their way to the control plane, on disk, so that neither a dead
// control plane nor a killed detector loses a rule; and what the policy must know again after a
// restart. One SQLite file (WAL, synchronous=FULL): what add() has answered survives kill -9 and
// loss of power.
//
// Delivery is at least once, and idempotent: what next() hands out has a request id that stays with
// it until done(), also over restarts, so that the server takes a repeated request for what it is;
// and rules and detections have ids of their own.
//
// Bounded: of more than detections_max detections the oldest goes and is counted. A rule never
// goes, except one that has expired before anybody could be told; of more than rules_max rules new
// ones are refused. A rule with the id of one that is still queued replaces it.
//
// A file that is no database, or damaged, is set aside (PATH.damaged) and a new one begun. One
// process at a time. Safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/model.h"
#include "base/result.h"
#include "ml_detector/known_servers.h"
#include "ml_detector/policy.h"

namespace mlguard::ml_detector {

inline constexpr std::size_t kBatchItemsMax = 256;

struct OutboxLimits {
  std::size_t detections_max = 20'000;
  std::size_t rules_max = 20'000;
};

enum class ItemKind { rule, detection };

struct OutboxBatch {
  ItemKind kind = ItemKind::rule;
  std::string request_id;
  std::vector<base::Rule> rules;
  std::vector<base::Detection> detections;

  std::size_t size() const { return rules.size() + detections.size(); }
};

struct OutboxCounters {
  std::size_t rules_queued = 0;  // now, as the next
  std::size_t detections_queued = 0;
  // Since the start.
  std::uint64_t rules_delivered = 0;
  std::uint64_t detections_delivered = 0;
  std::uint64_t detections_dropped = 0;  // the oldest, for want of room
  std::uint64_t rules_expired = 0;       // in the queue
  std::uint64_t refused = 0;             // by the control plane, one by one; or unreadable
};

class Outbox {
 public:
  // Makes the folder. Errors: io, resource_exhausted (disk full); conflict / "outbox_in_use".
  static base::Result<std::unique_ptr<Outbox>> open(const std::string& path,
                                                    const OutboxLimits& limits = {});
  virtual ~Outbox() = default;

  // All or nothing, durable when it answers. Errors: resource_exhausted / "outbox_full" (rules),
  // "disk_full"; io.
  virtual base::Status add(const std::vector<base::Rule>& rules,
                           const std::vector<base::Detection>& detections,
                           const std::vector<Offender>& offenders) = 0;

  // The batch of this kind that was handed out and is not done; else the oldest items.
  virtual base::Result<std::optional<OutboxBatch>> next(ItemKind kind, std::int64_t now_ms) = 0;
  // The control plane has it.
  virtual base::Status done(const OutboxBatch& batch) = 0;
  // It was refused for good, as a whole: its items are handed out again one by one, and one that
  // was alone goes and is counted.
  virtual base::Status refused(const OutboxBatch& batch) = 0;

  virtual base::Status save_servers(const std::vector<KnownServers::Entry>& servers) = 0;
  virtual base::Result<std::vector<KnownServers::Entry>> servers() = 0;
  virtual base::Result<std::vector<Offender>> offenders() = 0;

  // Of the rules that nobody has taken yet.
  virtual base::Result<std::vector<std::string>> rule_ids() = 0;

  virtual OutboxCounters counters() const = 0;
};

}  // namespace mlguard::ml_detector
