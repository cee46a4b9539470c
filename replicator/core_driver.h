// CoreDriver: the thread around the core. It feeds it messages, storage completions, clients'
// wishes and the time, and does what comes out: storage commands to the LogExecutor, messages to
// the PeerLinks or as answers to what peers asked, and answers to clients. docs/replication.md
// ("Threads around it") has the picture.
//
// Threads: everything public may be called from any; callbacks run on the driver's thread and must
// not block. stop() answers everybody who waits.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "replicator/core.h"
#include "replicator/log_executor.h"
#include "replicator/peer_link.h"
#include "replicator/snapshot_fetcher.h"
#include "replicator/waiters.h"

namespace mlguard::replicator {

// Clients' writes that wait for the store, together.
inline constexpr std::size_t kWritesWaitingBytesMax = 256 * 1024 * 1024;
// How often view() is renewed when nothing but numbers change.
inline constexpr std::int64_t kViewMs = 100;

struct ClusterView {
  CoreStatus core;
  std::map<NodeId, std::string> trouble;  // Peers that cannot be talked to, and why.
};

// A client's answer as the core gave it.
using AnswerDone = std::function<void(const Answer&)>;
// The encoded answer to a peer's request; empty when there is none.
using PeerReply = std::function<void(std::string)>;

class CoreDriver final : private LinkListener {
 public:
  struct Parts {
    NodeId self;
    Settings settings;
    Recovered recovered;
    const PeerIdentity& identity;
    wire::Message envelope;  // Goes with every message to a peer.
    DurableLog& log;
    SnapshotFetcher& snapshots;
    const base::Clock& clock;
  };
  struct Listeners {
    // Changes that are committed now, in order. Empty: the whole state is another.
    std::function<void(const std::vector<base::Change>&)> committed;
    // Once in a while; `leads` when this node leads and its leases are loaded.
    std::function<void(bool leads)> chores;
    // Members that came or went.
    std::function<void(const Membership&)> members_changed;
  };
  CoreDriver(Parts parts, Listeners listeners);
  ~CoreDriver() override;
  CoreDriver(const CoreDriver&) = delete;
  CoreDriver& operator=(const CoreDriver&) = delete;

  // REQUIRES: `executor` outlives the driver's thread, and reports to report().
  void start(LogExecutor& executor);
  void stop();

  void propose(PendingWritePtr write, Ack ack);
  void confirm_read(Term term, Revision revision, AnswerDone done);
  void change_members(MembersRequest request, AnswerDone done);
  void transfer(const NodeId& target, AnswerDone done);
  void when_committed(Revision revision, std::int64_t wait_ms, Waiters::Done done);
  void when_durable(Revision revision, std::int64_t wait_ms, Waiters::Done done);
  void receive(Message message, PeerReply reply);
  void report(StoreReport report);
  void snapshot_fetched(std::uint64_t command_id, base::Result<std::string> path);
  void trim_log();

  // The term this node leads, its leases loaded; 0: it does not lead.
  Term leading_term() const { return leading_term_.load(std::memory_order_acquire); }
  // It leads, and nobody else votes: what is durable is committed.
  bool alone() const { return alone_.load(std::memory_order_acquire); }
  Revision committed() const { return committed_.load(std::memory_order_acquire); }
  bool may_offer_snapshot(Term term) const { return leading_term() == term; }
  std::shared_ptr<const ClusterView> view() const;
  std::uint64_t sent(std::size_t body_index) const { return sent_[body_index]; }

 private:
  using Input = std::function<void()>;
  // Which answer a peer waits for: its address and the kind.
  using ReplyKey = std::pair<NodeId, std::size_t>;
  struct HeldReply {
    std::uint64_t id = 0;
    PeerReply reply;
  };
  // What a turn of the core changed, compared with the one before.
  struct Seen {
    Role role = Role::follower;
    Term term = 0;
    NodeId leader;
    Revision membership_revision = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };

  void arrived(Message message) override;
  void lost(const NodeId& peer) override;
  void trouble(const NodeId& peer, const std::string& problem) override;

  void post(Input input);
  std::int64_t now_ms() const { return parts_.clock.monotonic_ms(); }
  void run();
  void act();
  void give_out(StorageCommand command);
  void route(Message message);
  void answer(const Answer& answer);
  void answer_write(PendingWrite& write, const Answer& answer);
  std::uint64_t expect(AnswerDone done);
  void note_progress();
  void release_fetches();
  void publish_changes();
  void publish_view();
  void sync_links(const Membership& membership);
  void do_chores();
  void answer_all_waiting();

  const Parts parts_;
  const Listeners listeners_;
  const Rules rules_;
  std::unique_ptr<Jitter> jitter_;
  LogExecutor* executor_ = nullptr;

  // The driver's thread's own.
  std::unique_ptr<Core> core_;
  std::map<NodeId, std::unique_ptr<PeerLink>> links_;
  std::map<ReplyKey, HeldReply> held_replies_;
  std::unordered_map<std::uint64_t, PendingWritePtr> writes_;
  std::unordered_map<std::uint64_t, AnswerDone> answers_;
  std::uint64_t next_id_ = 1;
  std::string snapshot_path_;
  std::deque<base::Change> changes_;  // Durable, not committed yet.
  Waiters committed_waiters_;
  Waiters durable_waiters_;
  Seen seen_;
  bool membership_known_ = false;
  std::int64_t chores_at_ms_ = 0;
  std::int64_t viewed_at_ms_ = 0;

  std::atomic<Term> leading_term_ = 0;
  std::atomic<bool> alone_ = false;
  std::atomic<Revision> committed_ = 0;
  std::atomic<std::size_t> writes_waiting_bytes_ = 0;
  std::array<std::atomic<std::uint64_t>, std::variant_size_v<Body>> sent_{};

  mutable std::mutex view_mutex_;
  std::shared_ptr<const ClusterView> view_;  // Guarded by view_mutex_; replaced, never changed.
  std::map<NodeId, std::string> trouble_;    // Guarded by view_mutex_.

  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Input> inbox_;  // Guarded by mutex_.
  bool stopping_ = false;     // Guarded by mutex_.
  std::thread thread_;
};

}  // namespace mlguard::replicator
