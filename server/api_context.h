// What the API's handlers stand on: the store and the services around it, and the few steps that
// every handler shares. Owned by the composition root (server.h); handlers only refer to it.
//
// Threads: everything in it may be used from any.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/logging.h"
#include "db/engine.h"
#include "replicator/replicator.h"
#include "server/backup_store.h"
#include "server/exchange.h"
#include "server/health_watch.h"
#include "server/heartbeat_log.h"
#include "server/http_server.h"
#include "server/metrics.h"
#include "server/promotions.h"
#include "server/protected_board.h"
#include "server/question_board.h"
#include "server/rate_limiter.h"
#include "server/role_table.h"
#include "server/session_table.h"
#include "server/shipping_thread.h"
#include "server/watch_hub.h"
#include "server/worker_pool.h"
#include "wire/credentials.h"

namespace mlguard::server {

inline constexpr std::string_view kServerVersion = "0.1.0";
inline constexpr std::int64_t kHeartbeatIntervalMs = 5'000;
// Bodies of all requests in flight; beyond this large ones are refused until some are answered.
inline constexpr std::size_t kBodyBytesInFlightMax = 256 * 1024 * 1024;
inline constexpr std::size_t kSmallBodyBytesMax = 64 * 1024;

enum class PublicStatus { loopback_only, everybody };

struct ApiSettings {
  PublicStatus public_status = PublicStatus::loopback_only;
  std::int64_t heartbeat_interval_ms = kHeartbeatIntervalMs;
  std::int64_t session_idle_ms = kSessionIdleMs;
  std::size_t body_bytes_max = wire::kPlainBodyBytesMax;
};

struct ApiContext {
  const base::Clock& clock;
  db::Engine& engine;
  replicator::Replicator& replica;  // The same, with what concerns the cluster.
  const wire::ClusterKey& cluster;
  Metrics& metrics;
  SessionTable& sessions;
  WatchHub& hub;
  WorkerPool& pool;
  HealthWatch& health;
  HeartbeatLog& beats;
  RateLimiter& handshakes;
  RateLimiter& refusals;      // How often a refusal is worth an audit record.
  RateLimiter& refusal_logs;  // And a line in the log.
  BackupStore& backups;
  Promotions& promotions;
  QuestionBoard& questions;
  ProtectedBoard& guarded;
  ApiSettings settings;

  // Known once the listener runs.
  std::atomic<const HttpCounters*> http = nullptr;
  std::atomic<const ShippingThread*> shipping = nullptr;  // With --ship-to.
  // Set where an instance that is alone took a free port: what people are told as its address.
  std::string found_at = {};
  std::int64_t started_ms = 0;
  std::atomic<std::uint64_t> body_bytes_in_flight = 0;
};

// ---- Steps that handlers share ---------------------------------------------------------------

// Says that a request was refused, in the log: a few lines a second for each address, so that an
// attacker cannot fill the disk with them. All of them count in the metrics.
void log_refusal(ApiContext& api, const PeerAddress& peer, std::string_view event,
                 std::initializer_list<base::LogField> fields);

// Whether the caller may use the verb on that component (empty: on no component in particular).
// Error: permission_denied, which is also logged and now and then audited.
base::Status authorize(ApiContext& api, const Exchange& exchange, Verb verb,
                       std::string_view component = {});

// Makes the answer of a write; runs on the connection's event loop.
using WriteAnswer = std::function<ApiAnswer(const db::WriteResult&)>;
// {"status":"ok","revision",…} with the revision and, when so, replayed fields.
ApiAnswer write_answer(const db::WriteResult& result);
// Queues the write under the caller's name and request id, and answers when it is durable.
// `on_success` runs on the store's writer thread, before the answer: it must be short.
void transact(ApiContext& api, const ExchangePtr& exchange, db::Command command,
              std::function<void(const db::WriteResult&)> on_success = {},
              WriteAnswer answer = write_answer);

// Hands the reader to `use`, whose answer it sends; an Error from either becomes the answer.
void read(ApiContext& api, const ExchangePtr& exchange,
          const std::function<base::Result<ApiAnswer>(db::Reader&)>& use);

// Adds "revision", "committed-revision" and, where the state may be old, "age-ms".
void add_revision(ApiContext& api, ApiAnswer& answer, std::uint64_t revision);

// ?after=N&limit=N
base::Result<db::Page> page_of(const Query& query);
// The sealed field "if-match", or ?expected_version=N.
base::Result<std::optional<std::uint64_t>> expected_version(const ApiRequest& request);
// The sealed field "comment", or "".
base::Result<std::string> comment_of(const ApiRequest& request);

}  // namespace mlguard::server
