// Server: the composition root. Opens the keys and the store, starts the listener and the threads
// around it, and takes it all down again in the right order, with nothing acknowledged lost.
//
// Threads: start(), stop() and the destructor by one owner. Owns everything; the clock must outlive
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "db/store.h"
#include "replicator/replicator.h"
#include "server/api_context.h"
#include "server/health_monitor.h"
#include "server/http_server.h"
#include "server/session_table.h"

namespace mlguard::server {

// For answers that are on their way when the server stops.
inline constexpr std::int64_t kStopGraceMs = 3'000;
// How long a start waits for an instance that is alone to lead.
inline constexpr std::int64_t kLeadWaitMs = 3'000;

struct ServerOptions {
  HttpOptions http;
  // Its store is made of data_dir and retention below; without a name of its own it is alone.
  replicator::ReplicaOptions replica;
  std::string data_dir;
  std::string cluster_key_path;
  std::string operator_key_path;
  ApiSettings api;
  HealthThresholds health;
  SessionLimits sessions;
  RateLimit handshakes = kHandshakesPerAddress;
  db::Retention retention;
  std::string follow_from;  // A folder to follow instead of peers; empty: none.
  std::string ship_to;      // A folder to write segments into; empty: none.
};

// Puts something between the server and its replica.
using WrapReplica =
    std::function<std::unique_ptr<replicator::Replicator>(std::unique_ptr<replicator::Replicator>)>;

class Server {
 public:
  // Errors: those of the keys, the store and the listener, each with what to do.
  static base::Result<std::unique_ptr<Server>> start(const ServerOptions& options,
                                                     base::Clock& clock,
                                                     const WrapReplica& wrap = {});
  virtual ~Server() = default;

  virtual std::uint16_t port() const = 0;
  virtual std::string cluster_id() const = 0;
  virtual const wire::ClusterKey& cluster() const = 0;
  virtual db::Engine& engine() = 0;
  // Stops accepting, answers the long polls, finishes queued writes, flushes leases. Idempotent.
  virtual void stop() = 0;
};

}  // namespace mlguard::server
