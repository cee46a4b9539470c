#include "replicator/replicator.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "db/migrations.h"
#include "db/watch_list.h"
#include "db/write_weight.h"
#include "replicator/members_at_start.h"
#include "replicator/message_codec.h"
#include "replicator/peer_identity.h"
#include "replicator/peer_ids.h"
#include "replicator/store_reads.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::int64_t kMaintainEveryMs = 1'000;
constexpr std::int64_t kStopFlushMs = 1'000;
constexpr const char* kOwnAuthor = "server";

wire::Message envelope(const std::string& node_id) {
  wire::Message message;
  message.fields = {{"node-id", node_id}, {"schema", std::to_string(db::latest_schema_version())}};
  return message;
}

Error no_leader_here() {
  return {ErrorCode::unavailable, "no_leader",
          "this instance does not lead (any more): try again in a moment"};
}

Status status_of(const Answer& answer) {
  switch (answer.kind) {
    case AnswerKind::done: return {};
    case AnswerKind::not_leader: return no_leader_here();
    default: return no_quorum();
  }
}

// The voter that has most of the log, among those heard of lately.
std::optional<NodeId> successor(const CoreStatus& leading, std::int64_t silent_ms_max) {
  const PeerStatus* best = nullptr;
  for (const PeerStatus& peer : leading.peers) {
    if (peer.kind != MemberKind::voter || peer.silent_ms > silent_ms_max) continue;
    if (best == nullptr || peer.match > best->match) best = &peer;
  }
  return best == nullptr ? std::nullopt : std::optional(best->id);
}

class Replica final : public Replicator {
 public:
  Replica(db::DataFolder folder, std::unique_ptr<db::SqliteStore> store,
          std::unique_ptr<db::LogView> log, std::map<NodeId, std::string> peers,
          const ReplicaOptions& options, Recovered recovered, const wire::ClusterKey& cluster,
          base::Clock& clock)
      : clock_(clock),
        self_(options.self),
        settings_(options.settings),
        identity_(peer_identity(cluster, options.self)),
        folder_(std::move(folder)),
        store_(std::move(store)),
        node_id_(store_->node_id()),
        reads_(folder_.database_path()),
        log_(std::move(log), recovered.tail),
        snapshots_(identity_, options.store.folder + "/snapshot"),
        peer_ids_(std::move(peers)),
        driver_({options.self, options.settings, std::move(recovered), identity_,
                 envelope(node_id_), log_, snapshots_, clock},
                {[this](const std::vector<base::Change>& changes) { watches_.publish(changes); },
                 [this](bool leads) { chores(leads); },
                 [this](const Membership& members) { forget_strangers(members); }}),
        executor_(*store_, log_, leases_,
                  {[this](StoreReport report) { driver_.report(std::move(report)); },
                   [this](const std::vector<std::string>& keys) { end_sessions(keys); }}),
        calls_(identity_) {
    snapshots_.start([this](std::uint64_t id, Result<std::string> path) {
      driver_.snapshot_fetched(id, std::move(path));
    });
    driver_.start(executor_);
  }
  ~Replica() override { stop(); }

  // ---- db::Engine ------------------------------------------------------------------------------

  void transact(db::Write write, std::function<void(Result<db::WriteResult>)> done) override {
    if (stopped_) {
      return done(Error{ErrorCode::unavailable, "shutting_down",
                        "the server is shutting down; retry at another, or later"});
    }
    const Ack ack = write.ack == db::Ack::leader ? Ack::leader : Ack::quorum;
    auto pending = std::make_shared<PendingWrite>();
    pending->bytes = db::weight_of(write.command);
    pending->write = std::move(write);
    pending->done = std::move(done);
    ++waiting_;
    pending->done = [this, then = std::move(pending->done)](Result<db::WriteResult> result) {
      --waiting_;
      then(std::move(result));
    };
    driver_.propose(std::move(pending), ack);
  }

  Result<std::unique_ptr<db::Reader>> read() override { return reads_.read(); }

  db::ReadTicket ticket() const override { return {driver_.leading_term()}; }

  void confirm_read(db::ReadTicket ticket, std::uint64_t revision,
                    std::function<void(Status)> done) override {
    if (ticket.term == 0) return done(no_leader_here());
    // Nobody else could have led meanwhile, and what can be read is durable.
    if (driver_.alone() && driver_.leading_term() == ticket.term) return done({});
    driver_.confirm_read(ticket.term, revision, [done = std::move(done)](const Answer& answer) {
      done(status_of(answer));
    });
  }

  void when_committed(std::uint64_t revision, std::int64_t wait_ms,
                      std::function<void(Status)> done) override {
    driver_.when_committed(revision, wait_ms, std::move(done));
  }
  void when_durable(std::uint64_t revision, std::int64_t wait_ms,
                    std::function<void(Status)> done) override {
    driver_.when_durable(revision, wait_ms, std::move(done));
  }

  std::unique_ptr<db::Watch> watch(db::WatchCallback callback) override {
    return watches_.add(std::move(callback));
  }
  void on_revoked(std::function<void(const std::vector<std::string>&)> callback) override {
    const std::lock_guard lock(revoked_mutex_);
    revoked_ = std::move(callback);
  }

  Result<base::ResourceHeads> renew_lease(const base::Heartbeat& heartbeat) override {
    if (driver_.leading_term() == 0) return no_leader_here();
    return leases_.renew(heartbeat, clock_.wall_ms());
  }
  std::vector<db::Lease> leases() const override {
    if (driver_.leading_term() != 0) return leases_.all();
    return reads_.leases();
  }
  bool free_or_held_by(std::string_view component, std::string_view key) const override {
    return leases_.free_or_held_by(component, key);
  }

  db::EngineStatus status() const override {
    const StoreFacts facts = executor_.facts();
    db::EngineStatus status;
    status.node_id = node_id_;
    status.term = view()->core.term;
    status.revision = facts.revision;
    status.committed = std::min(driver_.committed(), facts.revision);
    status.oldest_revision = facts.oldest_revision;
    status.digest = facts.digest;
    status.state_digest = facts.state_digest;
    status.healthy = facts.healthy;
    status.problem = facts.problem;
    status.bytes_on_disk = reads_.bytes_on_disk();
    return status;
  }
  db::EngineCounters counters() const override {
    db::EngineCounters counters = executor_.counters();
    counters.queue_length = waiting_;
    return counters;
  }
  Result<db::VerifyReport> verify() override { return reads_.verify(); }
  Result<std::uint64_t> backup_to(const std::string& path) override {
    return reads_.backup_to(path);
  }

  // Clients have their answers by now (the listener waits for them); what is left is the leases.
  void stop() override {
    if (stopped_.exchange(true)) return;
    if (driver_.leading_term() != 0) flush_leases_and_wait();
    calls_.stop();
    snapshots_.stop();
    driver_.stop();
    executor_.stop();
  }

  // ---- Replicator ------------------------------------------------------------------------------

  std::shared_ptr<const ClusterView> view() const override { return driver_.view(); }
  const NodeId& self() const override { return self_; }
  bool leads(Term term) const override { return term != 0 && driver_.leading_term() == term; }
  PeerCalls& calls() override { return calls_; }
  std::uint64_t committed() const override { return driver_.committed(); }
  std::int64_t age_ms() const override {
    return driver_.leading_term() != 0 ? 0 : driver_.view()->core.leader_silent_ms;
  }

  bool wait_for_leader(std::int64_t wait_ms) const override {
    const auto ends = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    while (std::chrono::steady_clock::now() < ends) {
      const bool leads = driver_.leading_term() != 0;
      if (leads || (!view()->core.leader.empty() && view()->core.leader != self_)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return false;
  }

  void receive(PeerMail mail) override {
    Result<Message> message = decode_message(mail.body);
    if (!message) return mail.reply(message.error());
    if (Status known = check_sender(mail, message->from); !known) return mail.reply(known.error());
    driver_.receive(std::move(*message),
                    [reply = std::move(mail.reply)](std::string body) { reply(std::move(body)); });
  }

  void change_members(MemberChange change, const NodeId& member, const std::string& author,
                      AnswerDone done) override {
    driver_.change_members({0, change, member, author}, std::move(done));
  }
  void transfer(const NodeId& target, AnswerDone done) override {
    driver_.transfer(target, std::move(done));
  }
  void hand_over() override {
    const std::shared_ptr<const ClusterView> now = view();
    if (driver_.leading_term() == 0 || driver_.alone()) return;
    const std::optional<NodeId> target = successor(now->core, settings_.election_timeout_ms);
    if (!target) return;
    flush_leases_and_wait();
    auto done = std::make_shared<std::promise<void>>();
    driver_.transfer(*target, [done](const Answer& /*answer*/) { done->set_value(); });
    done->get_future().wait();
  }
  std::vector<std::pair<std::string, std::uint64_t>> messages_sent() const override {
    std::vector<std::pair<std::string, std::uint64_t>> sent;
    const auto add = [&](const Body& body) {
      sent.emplace_back(name_of(body), driver_.sent(body.index()));
    };
    for (const Body& body : {Body(Ping{}), Body(VoteRequest{}), Body(Fetch{}), Body(Probe{}),
                             Body(MergeTail{}), Body(TransferNow{})}) {
      add(body);
    }
    return sent;
  }

 private:
  // A peer of another schema would not understand our entries, nor we its; one whose id changed
  // has lost its disk and may have forgotten a vote.
  Status check_sender(const PeerMail& mail, const NodeId& from) {
    const std::string ours = std::to_string(db::latest_schema_version());
    if (mail.schema_version != ours) {
      return Error{ErrorCode::conflict, "schema_mismatch",
                   from + " keeps its state in schema " + mail.schema_version + ", " + self_ +
                       " in schema " + ours + ": bring both to the same version of etcd-server"};
    }
    bool is_new = false;
    if (Status same = peer_ids_.check(from, mail.node_id, is_new); !same) return same;
    if (is_new && view()->core.membership.find(from) != nullptr) {
      peer_ids_.keep(from, mail.node_id);
      executor_.run(KeepPeerId{from, mail.node_id});
    }
    return {};
  }

  // On the driver's thread: who is no member any more may come back with another disk.
  void forget_strangers(const Membership& members) {
    for (const NodeId& gone : peer_ids_.drop_strangers(members)) {
      executor_.run(KeepPeerId{gone, ""});
    }
  }

  void end_sessions(const std::vector<std::string>& keys) {
    const std::lock_guard lock(revoked_mutex_);
    if (revoked_) revoked_(keys);
  }

  // On the driver's thread.
  void chores(bool leads) {
    const std::int64_t now_ms = clock_.monotonic_ms();
    if (leads && now_ms - flushed_at_ms_ >= db::kLeaseFlushMs) {
      flushed_at_ms_ = now_ms;
      flush_leases();
    }
    if (now_ms - maintained_at_ms_ < kMaintainEveryMs && !maintain_again_) return;
    maintained_at_ms_ = now_ms;
    maintain_again_ = false;
    driver_.trim_log();
    if (!leads) return;
    own_write(db::Maintain{}, [this](const Result<db::WriteResult>& done) {
      maintain_again_ = done.ok() && done->changed;
    });
  }

  void flush_leases() {
    auto beats = std::make_shared<std::vector<base::Heartbeat>>(leases_.take_renewed());
    if (beats->empty()) return;
    own_write(db::FlushHeartbeats{*beats}, [this, beats](const Result<db::WriteResult>& done) {
      if (!done) return leases_.put_back(*beats);
      if (beats->size() == db::kFlushBatchMax) flush_leases();
    });
  }

  void flush_leases_and_wait() {
    std::vector<base::Heartbeat> beats;
    while (!(beats = leases_.take_renewed()).empty()) {
      auto flushed = std::make_shared<std::promise<void>>();
      own_write(db::FlushHeartbeats{std::move(beats)},
                [flushed](const Result<db::WriteResult>& /*done*/) { flushed->set_value(); });
      const std::chrono::milliseconds patience(kStopFlushMs);
      if (flushed->get_future().wait_for(patience) != std::future_status::ready) return;
    }
  }

  // Housekeeping is durable on the leader or done again: it does not wait for the majority.
  void own_write(db::Command command, std::function<void(Result<db::WriteResult>)> done) {
    auto write = std::make_shared<PendingWrite>();
    write->bytes = db::weight_of(command);
    write->write.command = std::move(command);
    write->write.author = kOwnAuthor;
    write->done = std::move(done);
    driver_.propose(std::move(write), Ack::leader);
  }

  base::Clock& clock_;
  const NodeId self_;
  const Settings settings_;
  const PeerIdentity identity_;
  db::DataFolder folder_;  // Outlives the store: the lock goes last.
  std::unique_ptr<db::SqliteStore> store_;
  const std::string node_id_;
  StoreReads reads_;
  db::LeaseTable leases_;
  db::WatchList watches_;
  DurableLog log_;
  SnapshotFetcher snapshots_;
  PeerIds peer_ids_;
  std::mutex revoked_mutex_;
  std::function<void(const std::vector<std::string>&)> revoked_;  // Guarded by revoked_mutex_.

  // The driver's thread's own.
  std::int64_t flushed_at_ms_ = 0;
  std::int64_t maintained_at_ms_ = 0;
  bool maintain_again_ = false;

  std::atomic<std::uint64_t> waiting_ = 0;
  std::atomic<bool> stopped_ = false;
  CoreDriver driver_;
  LogExecutor executor_;
  PeerCalls calls_;
};

}  // namespace

Result<std::unique_ptr<Replicator>> Replicator::open(const ReplicaOptions& options,
                                                     const wire::ClusterKey& cluster,
                                                     base::Clock& clock) {
  if (Status valid = validate(options.settings); !valid) return valid.error();
  Result<OpenedStore> opened = open_store(options.store, clock);
  if (!opened) return opened.error();
  Result<Recovered> recovered = recover(*opened->store, options.self, options.initial_members);
  if (!recovered) return recovered.error();
  Result<std::unique_ptr<db::LogView>> log = db::LogView::open(opened->folder.database_path());
  if (!log) return log.error();
  Result<std::map<NodeId, std::string>> peers = opened->store->peer_node_ids();
  if (!peers) return peers.error();
  return std::unique_ptr<Replicator>(std::make_unique<Replica>(
      std::move(opened->folder), std::move(opened->store), std::move(*log), std::move(*peers),
      options, std::move(*recovered), cluster, clock));
}

}  // namespace mlguard::replicator
