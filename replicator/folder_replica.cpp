#include "replicator/folder_replica.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "db/data_folder.h"
#include "db/sqlite_store.h"
#include "db/watch_list.h"
#include "replicator/log_entries.h"
#include "replicator/members_at_start.h"
#include "replicator/peer_identity.h"
#include "replicator/segment_reader.h"
#include "replicator/store_reads.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

Error only_follows() {
  return {ErrorCode::unavailable, "no_leader",
          "this instance follows files (--follow-from) and cannot write: ask one of the cluster's "
          "own instances, or read this one's state with --consistency local"};
}

class FolderReplica final : public Replicator, private EntrySink {
 public:
  FolderReplica(db::DataFolder data, std::unique_ptr<db::SqliteStore> store,
                const ReplicaOptions& options, const std::string& folder,
                const wire::ClusterKey& cluster, base::Clock& clock)
      : clock_(clock),
        self_(options.self),
        identity_(peer_identity(cluster, options.self)),
        data_(std::move(data)),
        store_(std::move(store)),
        reads_(data_.database_path()),
        follower_({folder, options.store.folder + "/following"}, ShippingKey::of(cluster), *this),
        calls_(identity_, 1) {
    status_.node_id = store_->node_id();
    publish({});
    thread_ = std::thread([this] { run(); });
  }
  ~FolderReplica() override { stop(); }

  // ---- db::Engine ------------------------------------------------------------------------------

  void transact(db::Write /*write*/, std::function<void(Result<db::WriteResult>)> done) override {
    done(only_follows());
  }
  Result<std::unique_ptr<db::Reader>> read() override { return reads_.read(); }
  db::ReadTicket ticket() const override { return {}; }
  void confirm_read(db::ReadTicket /*ticket*/, std::uint64_t /*revision*/,
                    std::function<void(Status)> done) override {
    done(only_follows());
  }
  // Only what is committed is shipped.
  void when_committed(std::uint64_t /*revision*/, std::int64_t /*wait_ms*/,
                      std::function<void(Status)> done) override {
    done({});
  }
  void when_durable(std::uint64_t revision, std::int64_t /*wait_ms*/,
                    std::function<void(Status)> done) override {
    done(committed() >= revision ? Status() : Status(only_follows()));
  }
  std::unique_ptr<db::Watch> watch(db::WatchCallback callback) override {
    return watches_.add(std::move(callback));
  }
  void on_revoked(std::function<void(const std::vector<std::string>&)> callback) override {
    const std::lock_guard lock(mutex_);
    revoked_ = std::move(callback);
  }
  Result<base::ResourceHeads> renew_lease(const base::Heartbeat& /*heartbeat*/) override {
    return only_follows();
  }
  std::vector<db::Lease> leases() const override { return reads_.leases(); }
  bool free_or_held_by(std::string_view component, std::string_view key) const override {
    for (const db::Lease& lease : leases()) {
      if (lease.component.name == component) return lease.component.public_key == key;
    }
    return true;
  }
  db::EngineStatus status() const override {
    db::EngineStatus status;
    {
      const std::lock_guard lock(mutex_);
      status = status_;
    }
    status.bytes_on_disk = reads_.bytes_on_disk();
    return status;
  }
  db::EngineCounters counters() const override { return {}; }
  Result<db::VerifyReport> verify() override { return reads_.verify(); }
  Result<std::uint64_t> backup_to(const std::string& path) override {
    return reads_.backup_to(path);
  }
  void stop() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    if (thread_.joinable()) thread_.join();
    calls_.stop();
  }

  // ---- Replicator ------------------------------------------------------------------------------

  std::shared_ptr<const ClusterView> view() const override {
    const std::lock_guard lock(mutex_);
    return view_;
  }
  bool wait_for_leader(std::int64_t /*wait_ms*/) const override { return true; }
  const NodeId& self() const override { return self_; }
  void receive(PeerMail mail) override { mail.reply(only_follows()); }
  bool leads(Term /*term*/) const override { return false; }
  std::uint64_t committed() const override { return revision_; }
  // Since the folder last held nothing that is not here.
  std::int64_t age_ms() const override {
    return std::max<std::int64_t>(clock_.monotonic_ms() - current_at_ms_, 1);
  }
  void change_members(MemberChange /*change*/, const NodeId& /*member*/,
                      const std::string& /*author*/, AnswerDone done) override {
    done(Answer{0, AnswerKind::not_leader, 0, 0, {}, only_follows().message});
  }
  void transfer(const NodeId& /*target*/, AnswerDone done) override {
    done(Answer{0, AnswerKind::not_leader, 0, 0, {}, only_follows().message});
  }
  void hand_over() override {}
  PeerCalls& calls() override { return calls_; }
  std::vector<std::pair<std::string, std::uint64_t>> messages_sent() const override { return {}; }

 private:
  // ---- EntrySink: on the follower's thread -----------------------------------------------------

  Position position() override {
    const db::StoreState& state = store_->state();
    return {state.revision, state.last_term, state.digest};
  }
  Result<std::optional<Position>> position_at(Revision revision) override {
    Result<std::optional<db::LogPosition>> found = store_->position_at(revision);
    if (!found) return found.error();
    if (!found->has_value()) return std::optional<Position>();
    return std::optional(Position{(*found)->revision, (*found)->term, (*found)->digest});
  }
  Status apply(const std::vector<Entry>& entries) override {
    if (Status begun = store_->begin_group(); !begun) return begun;
    for (const Entry& entry : entries) {
      const Result<db::LogEntry> decoded = log_entry_of(entry);
      const Status applied = decoded ? store_->apply_entry(*decoded) : Status(decoded.error());
      if (applied) continue;
      store_->roll_back_group();
      return applied;
    }
    if (Status committed = store_->commit_group(); !committed) return committed;
    (void)store_->take_entries();
    const std::vector<base::Change> changes = store_->take_changes();
    end_sessions(store_->take_effects());
    publish({});
    watches_.publish(changes);
    return {};
  }
  // Nothing of our own is worth keeping: all that is here came out of the folder.
  Status install(const std::string& database, const Position& /*position*/) override {
    const Revision all = store_->state().revision;
    if (Status installed = store_->install_snapshot(database, all); !installed) return installed;
    end_sessions(store_->take_effects());
    publish({});
    watches_.publish({});
    return {};
  }

  void end_sessions(const db::GroupEffects& effects) {
    if (effects.revoked_keys.empty()) return;
    const std::lock_guard lock(mutex_);
    if (revoked_) revoked_(effects.revoked_keys);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      const FollowReport report = follower_.poll();
      if (!report.problem && !report.more) current_at_ms_ = clock_.monotonic_ms();
      publish(report.problem ? report.problem->message : std::string());
      lock.lock();
      if (report.more) continue;
      wake_.wait_for(lock, std::chrono::milliseconds(kFollowPollMs), [this] { return stopping_; });
    }
  }

  void publish(const std::string& problem) {
    const db::StoreState& state = store_->state();
    auto view = std::make_shared<ClusterView>();
    view->core.self = self_;
    view->core.role = Role::learner;
    view->core.term = state.last_term;
    view->core.tail = position();
    view->core.committed = state.revision;
    view->core.membership = membership_of(store_->membership());
    view->core.leader_silent_ms = age_ms();
    revision_ = state.revision;
    const std::lock_guard lock(mutex_);
    view_ = std::move(view);
    status_.term = state.last_term;
    status_.revision = state.revision;
    status_.committed = state.revision;
    status_.oldest_revision = state.log_base_revision + 1;
    status_.digest = db::digest_hex(state.digest);
    status_.state_digest = db::digest_hex(state.state_digest);
    status_.healthy = problem.empty();
    status_.problem = problem;
  }

  base::Clock& clock_;
  const NodeId self_;
  const PeerIdentity identity_;
  db::DataFolder data_;                     // Outlives the store: the lock goes last.
  std::unique_ptr<db::SqliteStore> store_;  // The thread's own.
  StoreReads reads_;
  db::WatchList watches_;
  SegmentFollower follower_;  // The thread's own.
  PeerCalls calls_;
  std::atomic<Revision> revision_ = 0;
  std::atomic<std::int64_t> current_at_ms_ = 0;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::shared_ptr<const ClusterView> view_;                       // Guarded by mutex_.
  db::EngineStatus status_;                                       // Guarded by mutex_.
  std::function<void(const std::vector<std::string>&)> revoked_;  // Guarded by mutex_.
  bool stopping_ = false;                                         // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<Replicator>> follow_folder(const ReplicaOptions& options,
                                                  const std::string& folder,
                                                  const wire::ClusterKey& cluster,
                                                  base::Clock& clock) {
  Result<OpenedStore> opened = open_store(options.store, clock);
  if (!opened) return opened.error();
  return std::unique_ptr<Replicator>(std::make_unique<FolderReplica>(
      std::move(opened->folder), std::move(opened->store), options, folder, cluster, clock));
}

}  // namespace mlguard::replicator
