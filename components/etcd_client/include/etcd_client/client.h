// etcd_client: how programs talk to ml-guard's control plane. Register, send heartbeats, put, get
// and watch configuration, follow rules, report detections: sealed, with failover over all
// endpoints.
//
// One live endpoint is enough: each handshake names all instances of the cluster and its leader,
// and the client goes on with them when the configured ones are gone. Writes and reads that only
// the leader can answer go to the leader; what any instance may answer goes to the one that
// answered last. An election is waited for, within the deadline. Watches never go back: what an
// instance says that lags behind is not taken for news.
//
// Threads: a Client may be used from any thread at once; calls block. Watches and the heartbeat
// run on threads that the Client owns; their callbacks come from those threads, one at a time for
// each watch, and must not destroy the Client. The destructor stops and joins them.
//
// Errors: base::Error with a stable `reason`. unavailable: no endpoint answered within the
// deadline. timeout: a write was sent and its outcome is unknown; retrying the same call object is
// safe only through the Client (it repeats the request id by itself, within the deadline).
// unauthenticated: this credential is not (or no longer) accepted. Network errors are retried on
// the next endpoint with jittered exponential backoff until the call's deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/model.h"
#include "base/result.h"

namespace mlguard::etcd_client {

using std::chrono::milliseconds;

// What a read may answer.
enum class Consistency {
  linearizable,  // Everything acknowledged before the read began; needs a majority.
  leader,        // The leader's state, without asking the others whether it still leads.
  local,         // What the instance asked has: it may lag, or show what is not committed yet.
};

// When a write is acknowledged.
enum class Ack {
  quorum,  // A majority has it durably: it survives whatever one instance suffers.
  leader,  // The leader has it: faster, and may lose a merge if the leader dies at once.
};

enum class Discovery {
  members,  // Learn the cluster's other instances from each handshake.
  fixed,    // Talk to the configured endpoints only, to hear what just these say.
};

struct ClientOptions {
  // "host:port" or "http://host:port"; at least one. Any of them may be down.
  std::vector<std::string> endpoints = {"localhost:2379"};
  Discovery discovery = Discovery::members;
  // Of all reads but watches and follow_rules(), which are local: they need no leader, and cannot
  // go back.
  Consistency reads = Consistency::linearizable;
  Ack writes = Ack::quorum;
  // The credential file made by enrol(), or a server's operator.key.
  std::string credential_path;
  // What the server logs: "sniffer/0.1.0".
  std::string client_name = "etcd_client";
  milliseconds connect_timeout{1'000};
  // The whole call, all retries included.
  milliseconds call_deadline{10'000};
  milliseconds backoff_first{50};
  milliseconds backoff_max{2'000};
};

// Exchanges a join token for a credential: makes a key pair, proves the token, and writes the
// credential file (0600). Errors: invalid_argument / "invalid_token"; permission_denied /
// "token_used", "token_expired", "token_revoked"; unauthenticated / "handshake_failed".
base::Status enrol(const ClientOptions& options, std::string_view token, std::string_view name,
                   const std::string& credential_path);

struct PutOptions {
  std::string comment;
  std::optional<std::uint64_t> expected_version;  // 0: only if there is none
  // Told how many bytes of the sealed body are sent so far, and of how many.
  std::function<void(std::size_t sent, std::size_t total)> progress;
};

struct PutResult {
  std::uint64_t version = 0;
  std::uint64_t revision = 0;
};

struct HeartbeatReply {
  milliseconds interval{5'000};
  base::ResourceHeads heads;
};

// A raw call, for the CLI's `api` and for what has no method yet.
struct RawRequest {
  std::string method = "GET";
  std::string target;  // "/v1/rules?limit=10"
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;  // sealed header fields
};
struct RawResponse {
  int status = 0;
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
};

// Ends a watch when destroyed: blocks until a running callback has returned.
class Subscription {
 public:
  virtual ~Subscription() = default;
};

class Client {
 public:
  // Loads the credential; connects lazily. Errors: not_found (no credential: enrol first),
  // corrupt, invalid_argument / "invalid_endpoint".
  static base::Result<std::unique_ptr<Client>> open(const ClientOptions& options);
  virtual ~Client() = default;

  // role and public_key of `component` are ignored: the credential decides.
  virtual base::Status register_component(const base::Component& component) = 0;
  virtual base::Status unregister_component(std::string_view name,
                                            std::string_view instance_id) = 0;
  virtual base::Result<HeartbeatReply> heartbeat(const base::Heartbeat& heartbeat) = 0;

  virtual base::Result<PutResult> put_config(std::string_view component, std::string_view document,
                                             const PutOptions& options = {}) = 0;
  // version 0: the active one. With local reads, what is not found is asked of the leader, too.
  virtual base::Result<base::ConfigVersion> get_config(std::string_view component,
                                                       std::uint64_t version = 0) = 0;
  virtual base::Result<std::vector<base::ConfigVersion>> config_history(
      std::string_view component) = 0;
  virtual base::Result<PutResult> rollback_config(std::string_view component, std::uint64_t version,
                                                  std::string_view comment) = 0;
  virtual base::Status delete_config(std::string_view component) = 0;
  // Calls back with the active version at once (nothing when there is none) and on every change.
  virtual std::unique_ptr<Subscription> watch_config(
      std::string_view component, std::function<void(const base::ConfigVersion&)> changed) = 0;

  virtual base::Result<std::vector<std::string>> put_rules(
      const std::vector<base::Rule>& rules) = 0;
  virtual base::Status remove_rule(std::string_view id) = 0;
  // One poll: at once when `after` is behind, else when something changes or after `wait`. A
  // revision below `after` means that the whole state was restored to an earlier one.
  virtual base::Result<base::RuleSet> rules_since(std::uint64_t after, milliseconds wait) = 0;
  // Follows for good: a full set first, then deltas; full again after a gap.
  virtual std::unique_ptr<Subscription> follow_rules(
      std::uint64_t after, std::function<void(base::RuleSet)> changed) = 0;

  // The keys between sniffers and ml-detectors; operators get them without their secrets. Always
  // linearizable: a key that may still vanish must not be used.
  virtual base::Result<base::PipelineKeySet> pipeline_keys() = 0;

  virtual base::Status put_detections(const std::vector<base::Detection>& detections) = 0;
  virtual base::Status report_applied(const base::Applied& applied) = 0;

  // Any sealed request. A status of 400 and above is a response here, not an Error. ClientOptions'
  // `reads` and `writes` hold here, too, unless the target's query says otherwise.
  virtual base::Result<RawResponse> call(const RawRequest& request) = 0;

  // Breaks off all calls in progress and makes later ones fail at once (unavailable /
  // "cancelled"): for programs that must end now.
  virtual void cancel() = 0;

  virtual const std::string& credential_name() const = 0;
  virtual base::Role role() const = 0;
  // The endpoint that answered last.
  virtual std::string endpoint() const = 0;
  // All that are known now: the configured ones and the cluster's members.
  virtual std::vector<std::string> endpoints() const = 0;
};

}  // namespace mlguard::etcd_client
