// The front door of replicator/: one instance of the replicated control plane. It is the db::Engine
// that the rest of the server sees, and what the cluster's own part of the API stands on.
//
// Threads: everything may be called from any; callbacks run on threads of its own and must not
// block. Owned by the composition root (server/), which outlives nothing of it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "db/engine.h"
#include "db/store.h"
#include "replicator/core_driver.h"
#include "replicator/peer_calls.h"
#include "replicator/settings.h"
#include "replicator/types.h"
#include "wire/credentials.h"

namespace mlguard::replicator {

struct ReplicaOptions {
  db::StoreOptions store;
  NodeId self;  // How the others call this instance: "host:port".
  // The voters that the cluster starts with, this one among them. Kept at the first start; later
  // the members are what the cluster decided (change_members).
  std::vector<NodeId> initial_members;
  Settings settings;
};

// A message of a peer's, as POST /v1/peer brought it.
struct PeerMail {
  std::string node_id;  // Of the sender's state: changes when its disk was wiped.
  std::string schema_version;
  std::string body;
  // The answer's body; empty when there is none to give. Or why the mail is refused.
  std::function<void(base::Result<std::string>)> reply;
};

class Replicator : public db::Engine {
 public:
  // Opens or creates the state under `options.store.folder` and takes part. Errors: those of
  // open_store() (store_reads.h); invalid_argument / "invalid_settings", "invalid_member"; conflict
  // / "other_members" (started with other peers than it belongs to).
  static base::Result<std::unique_ptr<Replicator>> open(const ReplicaOptions& options,
                                                        const wire::ClusterKey& cluster,
                                                        base::Clock& clock);

  virtual std::shared_ptr<const ClusterView> view() const = 0;
  // Waits up to `wait_ms` until this instance leads or knows its leader.
  virtual bool wait_for_leader(std::int64_t wait_ms) const = 0;
  virtual const NodeId& self() const = 0;
  virtual void receive(PeerMail mail) = 0;
  virtual bool leads(Term term) const = 0;
  virtual std::uint64_t committed() const = 0;
  // Since this instance last heard its leader; 0 when it leads.
  virtual std::int64_t age_ms() const = 0;

  // On the leader; the answer is AnswerKind::not_leader elsewhere.
  virtual void change_members(MemberChange change, const NodeId& member, const std::string& author,
                              AnswerDone done) = 0;
  virtual void transfer(const NodeId& target, AnswerDone done) = 0;
  // Before a planned stop, while peers can still reach this instance: writes what only its memory
  // holds, and gives the lead to the voter that has most. Waits until that is done or cannot be;
  // nothing where it does not lead or is alone.
  virtual void hand_over() = 0;

  // Requests to other instances.
  virtual PeerCalls& calls() = 0;
  // Calls back once this instance holds `revision`, or after `wait_ms`.
  virtual void when_durable(std::uint64_t revision, std::int64_t wait_ms,
                            std::function<void(base::Status)> done) = 0;
  // How many questions of a kind went out to peers ("fetch", "ping", …): for metrics.
  virtual std::vector<std::pair<std::string, std::uint64_t>> messages_sent() const = 0;
};

}  // namespace mlguard::replicator
