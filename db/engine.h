// Engine: the store as the rest of the program sees it. Nothing above db/ knows SQLite.
//
// One ordered history: every write that changes something gets the next revision. Writes are
// queued, ordered by one writer and made durable in groups; reads see one consistent state.
//
// Threads: every member may be called from any thread. `done` and watch callbacks run on the
// engine's writer thread and must not block or call back into transact() synchronously waiting
// for it. The engine is owned by the composition root (server/) and outlives all that uses it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/model.h"
#include "base/result.h"

namespace mlguard::db {

// ---- Writes --------------------------------------------------------------------------------
// Each command checks everything before it changes anything, and is all or nothing.

// Idempotent for the same instance id and key. conflict / "name_taken" when another key holds the
// name and its component is not dead; a dead one is taken over.
struct RegisterComponent {
  base::Component component;
};
// not_found / "unknown_component"; conflict / "other_instance" when another instance registered
// since (then nothing is removed).
struct UnregisterComponent {
  std::string name;
  std::string instance_id;
};
// An operator removes a component and revokes the key it registered with.
struct RemoveComponent {
  std::string name;
};
// A health transition, audited.
struct RecordHealth {
  std::string name;
  base::Health health = base::Health::healthy;
};
// Leases renewed since the last flush. Used by the engine itself every kLeaseFlushMs.
struct FlushHeartbeats {
  std::vector<base::Heartbeat> heartbeats;
};
// A new version, active at once. invalid_argument / "invalid_json" (line and column),
// "invalid_name"; too_large / "config_too_large"; precondition_failed / "version_mismatch" when
// the active version is not expected_version (0: none may exist).
struct PutConfig {
  std::string component;
  std::string document;
  std::string comment;
  std::optional<std::uint64_t> expected_version;
};
// History stays. not_found / "no_config".
struct DeleteConfig {
  std::string component;
  std::optional<std::uint64_t> expected_version;
};
// A new version with an old version's document. not_found / "no_config" or "no_version".
struct RollbackConfig {
  std::string component;
  std::uint64_t to_version = 0;
  std::string comment;
  std::optional<std::uint64_t> expected_version;
};
// Adds or replaces by id. invalid_argument / "invalid_cidr", "invalid_rule";
// resource_exhausted / "too_many_rules".
struct PutRules {
  std::vector<base::Rule> rules;
};
// not_found / "no_rule" naming the first unknown id.
struct RemoveRules {
  std::vector<std::string> ids;
};
// Known ids are skipped, so that a retried batch is not stored twice.
struct PutDetections {
  std::vector<base::Detection> detections;
};
struct RecordApplied {
  base::Applied applied;
};
struct CreateToken {
  base::Token token;
};
struct RevokeToken {  // not_found / "no_token"
  std::string id;
};
// Uses the token up by one and stores the key. not_found / "no_token"; permission_denied /
// "token_expired", "token_revoked", "token_used"; the same key again is idempotent.
struct EnrolIdentity {
  std::string token_id;
  base::Identity identity;
};
// The next pipeline key. The first one is active at once; any other after `grace_ms`, and its
// predecessor retires as long after that. `version` of the result: its id. conflict /
// "pipeline_keys_moved" when the newest key's id is not expected_version (0: none; always set),
// "rotation_under_way" while the newest one is not active yet.
struct AnnouncePipelineKey {
  std::string sealed_secret;
  std::int64_t grace_ms = 0;
  std::optional<std::uint64_t> expected_version;
};
inline constexpr std::size_t kModelPartBytesMax = 1024 * 1024;
inline constexpr std::size_t kModelPartsMax = 32;
inline constexpr std::size_t kModelsMax = 16;
bool is_model_sha256(std::string_view text);  // 64 lower-case hexadecimal digits
// One part of a model; the one that completes it is taken only if the whole has that hash. Errors:
// invalid_argument / "invalid_model", "model_damaged"; conflict / "model_differs" (other parts or
// another name stand there); resource_exhausted / "too_many_models".
struct PutModelPart {
  std::string sha256;
  std::uint64_t part = 0;
  std::uint64_t parts = 0;
  std::string name;
  std::string bytes;
};
struct RemoveModel {  // not_found / "no_model"
  std::string sha256;
};
struct RevokeIdentity {  // not_found / "no_identity"
  std::string public_key;
};
struct AppendAudit {
  base::AuditRecord record;
};
// Retention, in bounded steps: expired rules and retired pipeline keys become tombstones, old
// tombstones, detections, config versions, audit rows and log entries go. Changes nothing (and
// takes no revision) when idle.
struct Maintain {};

using Command = std::variant<RegisterComponent, UnregisterComponent, RemoveComponent, RecordHealth,
                             FlushHeartbeats, PutConfig, DeleteConfig, RollbackConfig, PutRules,
                             RemoveRules, PutDetections, RecordApplied, CreateToken, RevokeToken,
                             EnrolIdentity, RevokeIdentity, AnnouncePipelineKey, PutModelPart,
                             RemoveModel, AppendAudit, Maintain>;

// When a write is answered.
enum class Ack {
  quorum,  // Once a majority has it durably.
  leader,  // Once the leader has: it may be merged later, or lose there.
};

struct Write {
  Command command;
  std::string author;  // Name for the log and the audit trail.
  // Who asks and for which request: unique per client request, at most 64 bytes; empty for none.
  // A repeated id within kRequestIdMemoryMs gets the first answer and changes nothing.
  std::string request_id;
  Ack ack = Ack::quorum;
};

struct WriteResult {
  std::uint64_t revision = 0;  // Of this write, or of the state when nothing had to change.
  std::uint64_t term = 0;
  bool changed = true;
  bool replayed = false;         // Answered from the memory of request ids.
  std::uint64_t version = 0;     // Config writes: the new version.
  std::vector<std::string> ids;  // PutRules: the ids, in order. RemoveComponent: the revoked key.
};

// ---- Reads ---------------------------------------------------------------------------------

struct Page {
  std::uint64_t after = 0;  // Exclusive start; what it counts is said at each call.
  std::size_t limit = 100;  // At most kPageRowsMax.
};

struct DetectionFilter {
  std::string id;    // How its id begins. Empty: all.
  std::string kind;  // Empty: all.
  std::string source_ip;
  std::int64_t since_ms = 0;
};

// A detection and the revision that stored it (to follow with Page::after).
struct StoredDetection {
  base::Detection detection;
  std::uint64_t revision = 0;
};

// As it rests: `key` without its secret, which is sealed under a key derived from cluster.key.
struct StoredPipelineKey {
  base::PipelineKey key;
  std::string sealed_secret;  // Never sent out.
};

// A model without its bytes.
struct StoredModel {
  std::string sha256;
  std::string name;
  std::uint64_t parts = 0;
  std::uint64_t parts_there = 0;  // all of them: it is complete
  std::uint64_t bytes = 0;        // of the parts that are there
  std::string author;
  std::int64_t created_at_ms = 0;  // of the latest part
};

inline constexpr std::size_t kPageRowsMax = 1000;

// One consistent state. Not for sharing between threads; keep it short (it holds a database
// snapshot open). Errors: io, corrupt.
class Reader {
 public:
  virtual ~Reader() = default;
  virtual std::uint64_t revision() const = 0;

  virtual base::Result<std::vector<base::Component>> components() = 0;
  virtual base::Result<std::optional<base::Component>> component(std::string_view name) = 0;

  // The active version, or the given one (a version of a deleted config can still be read).
  // not_found / "no_config", "no_version".
  virtual base::Result<base::ConfigVersion> config(std::string_view component) = 0;
  virtual base::Result<base::ConfigVersion> config(std::string_view component,
                                                   std::uint64_t version) = 0;
  // Active versions of all components, without documents.
  virtual base::Result<std::vector<base::ConfigVersion>> configs() = 0;
  // Newest first, without documents; Page::after is a version (0: from the newest).
  virtual base::Result<std::vector<base::ConfigVersion>> config_history(std::string_view component,
                                                                        Page page) = 0;

  // Live rules, by id. Full when `after` is 0 or older than tombstones are kept.
  virtual base::Result<base::RuleSet> rules_since(std::uint64_t after) = 0;
  virtual base::Result<std::vector<base::Rule>> rules(std::string_view after_id,
                                                      std::size_t limit) = 0;
  virtual base::Result<std::optional<base::Rule>> rule(std::string_view id) = 0;

  // Oldest first after the revision Page::after; with after == 0 the newest `limit`, newest first.
  virtual base::Result<std::vector<StoredDetection>> detections(const DetectionFilter& filter,
                                                                Page page) = 0;
  virtual base::Result<std::vector<base::Applied>> applied() = 0;
  virtual base::Result<std::vector<base::Token>> tokens() = 0;
  virtual base::Result<std::optional<base::Token>> token(std::string_view id) = 0;
  virtual base::Result<std::optional<base::Identity>> identity(std::string_view public_key) = 0;
  virtual base::Result<std::vector<base::Identity>> identities() = 0;
  // By id; retired ones are gone.
  virtual base::Result<std::vector<StoredPipelineKey>> pipeline_keys() = 0;
  // The latest pushed first.
  virtual base::Result<std::vector<StoredModel>> models() = 0;
  // not_found / "no_model".
  virtual base::Result<StoredModel> model(std::string_view sha256) = 0;
  virtual base::Result<std::string> model_part(std::string_view sha256, std::uint64_t part) = 0;
  // Newest first; Page::after is an id to continue below (0: from the newest).
  virtual base::Result<std::vector<base::AuditRecord>> audit(Page page) = 0;
  // Ascending after the revision Page::after; resource empty for all, else "config/sniffer" exactly
  // or "config/" as a prefix. not_found / "compacted" when the log no longer reaches back to it.
  virtual base::Result<std::vector<base::Change>> changes(std::string_view resource, Page page) = 0;
  // Rows that lost a merge, newest first; `limit` at most kPageRowsMax.
  virtual base::Result<std::vector<base::Conflict>> conflicts(std::size_t offset,
                                                              std::size_t limit) = 0;
};

// ---- Watches, leases, state ----------------------------------------------------------------

// Committed changes, in order, some at a time. None at all: this instance took another history
// over, and everything may be different.
using WatchCallback = std::function<void(const std::vector<base::Change>&)>;

// Ends the watch when destroyed; no callback runs after that.
class Watch {
 public:
  virtual ~Watch() = default;
};

// A component's liveness. Renewed by heartbeats in memory, visible to leases() at once, flushed to
// the store every five seconds: a crash loses at most that, and no registration.
struct Lease {
  base::Component component;
  base::Heartbeat last;  // received_at_ms == 0: none since registration.
};

struct EngineStatus {
  std::string node_id;
  std::uint64_t term = 0;
  std::uint64_t revision = 0;
  std::uint64_t committed = 0;
  std::uint64_t oldest_revision = 0;  // Oldest entry still in the log.
  std::string digest;                 // Hex: the chain at `revision`.
  std::string state_digest;           // Hex: XOR of one hash per replicated row.
  std::uint64_t bytes_on_disk = 0;
  bool healthy = true;  // false: the disk refused a write; see problem.
  std::string problem;
};

struct EngineCounters {
  std::uint64_t writes = 0;
  std::uint64_t write_groups = 0;  // Transactions, one fsync each.
  std::uint64_t writes_failed = 0;
  std::uint64_t writes_replayed = 0;
  std::uint64_t queue_length = 0;
};

struct VerifyReport {
  std::uint64_t entries_checked = 0;
  std::uint64_t rows_checked = 0;
  std::uint64_t first_revision = 0;
  std::uint64_t last_revision = 0;
  std::string state_digest;
  std::vector<std::string> problems;  // Empty: everything agrees.
};

// What a read has to be.
enum class Consistency {
  linearizable,  // Sees every write acknowledged before it began, and nothing that may vanish.
  leader,        // The leader's state, not confirmed by a majority.
  local,         // This instance's own state, however old; may show what is not committed yet.
};

// Taken before a read, given back with what the read saw. term 0: this instance does not lead.
struct ReadTicket {
  std::uint64_t term = 0;
};

class Engine {
 public:
  virtual ~Engine() = default;

  // Queues the write; `done` gets the result once it is as durable as its `ack` asks for, or
  // refused. Errors beside the command's own: resource_exhausted / "write_queue_full" at once, on
  // the caller's thread; unavailable / "no_leader" (this instance does not lead: not done), "busy";
  // timeout / "outcome_unknown" (given to the log, no majority in time).
  virtual void transact(Write write, std::function<void(base::Result<WriteResult>)> done) = 0;

  // This instance's own state. For a linearizable read: take a ticket, read, and hand out what was
  // read at `revision` only when confirm_read() says so. Its errors: unavailable / "no_leader"
  // (lost the lead meanwhile), "no_quorum".
  virtual base::Result<std::unique_ptr<Reader>> read() = 0;
  virtual ReadTicket ticket() const = 0;
  virtual void confirm_read(ReadTicket ticket, std::uint64_t revision,
                            std::function<void(base::Status)> done) = 0;
  // Calls back once this instance's state at `revision` is committed. unavailable / "no_quorum"
  // after `wait_ms`, "history_replaced".
  virtual void when_committed(std::uint64_t revision, std::int64_t wait_ms,
                              std::function<void(base::Status)> done) = 0;
  virtual std::unique_ptr<Watch> watch(WatchCallback callback) = 0;
  // Keys that were revoked, here or elsewhere. Set once, before anything is written.
  virtual void on_revoked(std::function<void(const std::vector<std::string>&)> callback) = 0;

  // On the leader only; else unavailable / "no_leader". not_found / "unknown_component" ("register
  // again"); conflict / "other_instance". Never waits for the disk.
  virtual base::Result<base::ResourceHeads> renew_lease(const base::Heartbeat& heartbeat) = 0;
  // On the leader as of now, elsewhere as last replicated (heartbeats: every kLeaseFlushMs).
  virtual std::vector<Lease> leases() const = 0;
  // True when nobody, or that very key, holds the component's name. The leader's knowledge.
  virtual bool free_or_held_by(std::string_view component, std::string_view key) const = 0;

  virtual EngineStatus status() const = 0;
  virtual EngineCounters counters() const = 0;

  // Checks the whole digest chain, every row's hash against the state digest, and the database's
  // own structure. Runs beside writes; may take seconds.
  virtual base::Result<VerifyReport> verify() = 0;
  // A consistent copy of the database at one revision (SQLite online backup) in a new file.
  // conflict / "exists" when the path exists.
  virtual base::Result<std::uint64_t> backup_to(const std::string& path) = 0;

  // Flushes leases, finishes the queue, makes everything durable. Later writes are refused with
  // unavailable / "shutting_down". Idempotent.
  virtual void stop() = 0;
};

// A SynchronousWrite helper for callers that may block (tests, start-up).
base::Result<WriteResult> transact_and_wait(Engine& engine, Write write);

}  // namespace mlguard::db
