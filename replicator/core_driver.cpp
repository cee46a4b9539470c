#include "replicator/core_driver.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>

#include "base/logging.h"
#include "replicator/message_codec.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;

constexpr std::int64_t kChoresMs = 100;

class RandomJitter final : public Jitter {
 public:
  std::int64_t up_to_ms(std::int64_t bound_ms) override {
    return std::uniform_int_distribution<std::int64_t>(0, bound_ms)(random_);
  }

 private:
  std::mt19937_64 random_{std::random_device{}()};
};

template <class T>
constexpr std::size_t index_of() {
  return Body(T{}).index();
}

// The kind of answer that a request is given, or nothing for one without.
std::optional<std::size_t> reply_kind(const Body& request) {
  if (std::holds_alternative<Ping>(request)) return index_of<Pong>();
  if (std::holds_alternative<VoteRequest>(request)) return index_of<VoteReply>();
  if (std::holds_alternative<Fetch>(request)) return index_of<FetchReply>();
  if (std::holds_alternative<Probe>(request)) return index_of<ProbeReply>();
  if (std::holds_alternative<MergeTail>(request)) return index_of<MergeReply>();
  return std::nullopt;
}

bool is_reply(const Body& body) {
  return std::holds_alternative<Pong>(body) || std::holds_alternative<VoteReply>(body) ||
         std::holds_alternative<FetchReply>(body) || std::holds_alternative<ProbeReply>(body) ||
         std::holds_alternative<MergeReply>(body);
}

// The number by which a question and its answer belong together; 0 where the kind is enough.
std::uint64_t question_of(const Body& body) {
  return std::visit(
      [](const auto& each) -> std::uint64_t {
        if constexpr (requires { each.id; }) {
          return each.id;
        } else {
          return 0;
        }
      },
      body);
}

Error not_leader(const NodeId& leader) {
  return {ErrorCode::unavailable, "no_leader",
          leader.empty() ? std::string("no leader is known here: an election is under way, or this "
                                       "instance is cut off; try again in a moment")
                         : "the leader is " + leader + " now: try again"};
}

// Where others can lead, a disk that refuses is no reason to give up.
Error leader_cannot_write(const PendingWrite& write) {
  return {ErrorCode::unavailable, "no_leader",
          "the leader could not write and leaves the lead to another: try again in a moment" +
              (write.result ? std::string() : " (" + write.result.error().message + ")")};
}

Error unknown_outcome(Revision revision) {
  return {ErrorCode::timeout, "outcome_unknown",
          "the write was given to the log" +
              (revision == 0 ? std::string() : " at revision " + std::to_string(revision)) +
              ", but no majority confirmed it in time: it may or may not stand; retry with the "
              "same request id"};
}

}  // namespace

CoreDriver::CoreDriver(Parts parts, Listeners listeners)
    : parts_(std::move(parts)),
      listeners_(std::move(listeners)),
      jitter_(std::make_unique<RandomJitter>()),
      committed_(parts_.recovered.committed) {
  core_ = std::make_unique<Core>(parts_.self, parts_.settings, parts_.recovered,
                                 Core::Parts{parts_.log, *jitter_, rules_}, now_ms());
  publish_view();
}

CoreDriver::~CoreDriver() { stop(); }

void CoreDriver::start(LogExecutor& executor) {
  executor_ = &executor;
  thread_ = std::thread([this] { run(); });
}

void CoreDriver::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// ---- Inputs ------------------------------------------------------------------------------------

void CoreDriver::post(Input input) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = inbox_.empty();
    inbox_.push_back(std::move(input));
  }
  if (first) wake_.notify_one();
}

std::uint64_t CoreDriver::expect(AnswerDone done) {
  const std::uint64_t id = next_id_++;
  answers_.emplace(id, std::move(done));
  return id;
}

void CoreDriver::propose(PendingWritePtr write, Ack ack) {
  if (writes_waiting_bytes_.fetch_add(write->bytes) + write->bytes > kWritesWaitingBytesMax) {
    writes_waiting_bytes_ -= write->bytes;
    write->done(Error{ErrorCode::resource_exhausted, "write_queue_full",
                      "more writes are waiting than the disk keeps up with; retry in a moment"});
    return;
  }
  post([this, write = std::move(write), ack]() mutable {
    Proposal proposal;
    proposal.id = next_id_++;
    proposal.ack = ack;
    proposal.bytes = write->bytes;
    writes_.emplace(proposal.id, std::move(write));
    core_->propose(now_ms(), std::move(proposal));
  });
}

void CoreDriver::confirm_read(Term term, Revision revision, AnswerDone done) {
  post([this, term, revision, done = std::move(done)]() mutable {
    core_->read(now_ms(), ReadRequest{expect(std::move(done)), term, revision});
  });
}

void CoreDriver::change_members(MembersRequest request, AnswerDone done) {
  post([this, request = std::move(request), done = std::move(done)]() mutable {
    request.id = expect(std::move(done));
    core_->change_members(now_ms(), request);
  });
}

void CoreDriver::transfer(const NodeId& target, AnswerDone done) {
  post([this, target, done = std::move(done)]() mutable {
    core_->transfer(now_ms(), TransferRequest{expect(std::move(done)), target});
  });
}

void CoreDriver::when_committed(Revision revision, std::int64_t wait_ms, Waiters::Done done) {
  if (committed() >= revision) return done({});
  post([this, revision, wait_ms, done = std::move(done)]() mutable {
    if (core_->committed() >= revision) return done({});
    committed_waiters_.wait(revision, now_ms() + wait_ms, std::move(done));
  });
}

void CoreDriver::when_durable(Revision revision, std::int64_t wait_ms, Waiters::Done done) {
  post([this, revision, wait_ms, done = std::move(done)]() mutable {
    if (core_->tail_revision() >= revision) return done({});
    durable_waiters_.wait(revision, now_ms() + wait_ms, std::move(done));
  });
}

void CoreDriver::receive(Message message, PeerReply reply) {
  post([this, message = std::move(message), reply = std::move(reply)]() mutable {
    if (const auto kind = reply_kind(message.body)) {
      HeldReply& held = held_replies_[{message.from, *kind}];
      if (held.reply) held.reply({});  // Its question is outdated.
      held = {question_of(message.body), std::move(reply)};
    } else {
      reply({});
    }
    core_->receive(now_ms(), message);
  });
}

void CoreDriver::report(StoreReport report) {
  post([this, report = std::move(report)]() mutable {
    if (report.replaced) {
      changes_.clear();
      committed_waiters_.fail_all(history_replaced());
      durable_waiters_.fail_all(history_replaced());
    }
    for (base::Change& change : report.changes) changes_.push_back(std::move(change));
    core_->storage_done(now_ms(), report.done);
    if (report.replaced) listeners_.committed({});
  });
}

void CoreDriver::snapshot_fetched(std::uint64_t command_id, base::Result<std::string> path) {
  post([this, command_id, path = std::move(path)] {
    StorageDone done;
    done.id = command_id;
    if (path) {
      snapshot_path_ = *path;
    } else {
      done.outcome = StorageOutcome::refused;
      done.problem = path.error().message;
    }
    core_->storage_done(now_ms(), done);
  });
}

void CoreDriver::arrived(Message message) {
  post([this, message = std::move(message)] { core_->receive(now_ms(), message); });
}

void CoreDriver::lost(const NodeId& peer) {
  post([this, peer] { core_->peer_lost(now_ms(), peer); });
}

void CoreDriver::trouble(const NodeId& peer, const std::string& problem) {
  if (problem.empty()) {
    base::log_info("a peer answers", {{"peer", peer}});
  } else {
    base::log_warn("a peer cannot be talked to", {{"peer", peer}, {"error", problem}});
  }
  const std::lock_guard lock(view_mutex_);
  if (problem.empty()) {
    trouble_.erase(peer);
  } else {
    trouble_[peer] = problem;
  }
}

// ---- The thread --------------------------------------------------------------------------------

void CoreDriver::run() {
  std::vector<Input> inputs;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      const std::int64_t wait_ms = core_->next_deadline_ms() - now_ms();
      wake_.wait_for(lock, std::chrono::milliseconds(std::max<std::int64_t>(wait_ms, 0)),
                     [this] { return stopping_ || !inbox_.empty(); });
      if (stopping_) break;
      inputs.swap(inbox_);
    }
    for (Input& input : inputs) input();
    inputs.clear();
    if (now_ms() >= core_->next_deadline_ms()) core_->tick(now_ms());
    act();
    do_chores();
  }
  answer_all_waiting();
  links_.clear();
}

void CoreDriver::act() {
  Output output = core_->take_output();
  for (StorageCommand& command : output.storage) give_out(std::move(command));
  for (Message& message : output.messages) route(std::move(message));
  note_progress();
  for (const Answer& each : output.answers) answer(each);
  for (const Alarm& alarm : output.alarms) {
    // The executor has said by itself what the disk refused.
    if (alarm.kind == AlarmKind::storage_refused) continue;
    base::log_error("replication alarm",
                    {{"kind", to_string(alarm.kind)}, {"detail", alarm.detail}});
  }
}

void CoreDriver::give_out(StorageCommand command) {
  if (const auto* fetch = std::get_if<FetchSnapshot>(&command.what)) {
    parts_.snapshots.fetch(command.id, *fetch);
    return;
  }
  StoreJob job;
  if (std::holds_alternative<InstallSnapshot>(command.what)) job.snapshot_path = snapshot_path_;
  if (const auto* execute = std::get_if<Execute>(&command.what)) {
    for (const Proposal& proposal : execute->batch) {
      const auto found = writes_.find(proposal.id);
      const bool is_write = proposal.kind == ProposalKind::write;
      job.writes.push_back(is_write && found != writes_.end() ? found->second : nullptr);
    }
  }
  job.command = std::move(command);
  executor_->run(std::move(job));
}

// A question goes out on the peer's link; an answer goes back on the exchange that brought the
// question, if it still waits.
void CoreDriver::route(Message message) {
  if (is_reply(message.body)) {
    const auto held = held_replies_.find({message.to, message.body.index()});
    if (held == held_replies_.end() || held->second.id != question_of(message.body)) return;
    held->second.reply(encode(message));
    held_replies_.erase(held);
    return;
  }
  const auto link = links_.find(message.to);
  if (link == links_.end()) return;
  ++sent_[message.body.index()];
  link->second->send(std::move(message));
}

void CoreDriver::note_progress() {
  const bool leads = core_->opened();
  committed_.store(core_->committed(), std::memory_order_release);
  leading_term_.store(leads ? core_->term() : 0, std::memory_order_release);
  alone_.store(leads && core_->membership().voter_count() == 1, std::memory_order_release);
  durable_waiters_.reached(core_->tail_revision());
  committed_waiters_.reached(core_->committed());
  publish_changes();
  if (!membership_known_ || core_->membership().revision != seen_.membership_revision) {
    membership_known_ = true;
    sync_links(core_->membership());
    listeners_.members_changed(core_->membership());
  }
  const Seen now{core_->role(), core_->term(), core_->leader(), core_->membership().revision};
  if (now.leader != seen_.leader) {
    if (now.leader.empty()) {
      base::log_info("the leader is gone", {{"was", seen_.leader}, {"term", now.term}});
    } else {
      base::log_info("leader", {{"is", now.leader}, {"term", now.term}});
    }
  }
  if (seen_.role == Role::leader && now.role != Role::leader) release_fetches();
  if (!(now == seen_) || now_ms() - viewed_at_ms_ >= kViewMs) publish_view();
  seen_ = now;
}

// Who waits for something new here is to look for the next leader instead.
void CoreDriver::release_fetches() {
  const std::size_t fetched = index_of<FetchReply>();
  for (auto it = held_replies_.begin(); it != held_replies_.end();) {
    if (it->first.second != fetched) {
      ++it;
      continue;
    }
    it->second.reply({});
    it = held_replies_.erase(it);
  }
}

void CoreDriver::publish_changes() {
  std::vector<base::Change> ready;
  while (!changes_.empty() && changes_.front().revision <= committed()) {
    ready.push_back(std::move(changes_.front()));
    changes_.pop_front();
  }
  if (!ready.empty()) listeners_.committed(ready);
}

void CoreDriver::publish_view() {
  viewed_at_ms_ = now_ms();
  auto view = std::make_shared<ClusterView>();
  view->core = core_->status();
  const std::lock_guard lock(view_mutex_);
  view->trouble = trouble_;
  view_ = std::move(view);
}

std::shared_ptr<const ClusterView> CoreDriver::view() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

void CoreDriver::sync_links(const Membership& membership) {
  std::erase_if(links_, [&](const auto& link) { return membership.find(link.first) == nullptr; });
  for (const Member& member : membership.members) {
    if (member.id == parts_.self || links_.count(member.id) != 0) continue;
    base::Result<std::unique_ptr<PeerLink>> link =
        PeerLink::open(member.id, {parts_.identity, parts_.envelope, *this});
    if (link) {
      links_.emplace(member.id, std::move(*link));
    } else {
      base::log_error("a member's address cannot be used", {{"error", link.error().message}});
    }
  }
}

void CoreDriver::do_chores() {
  const std::int64_t now = now_ms();
  if (now < chores_at_ms_) return;
  chores_at_ms_ = now + kChoresMs;
  committed_waiters_.expire(now);
  durable_waiters_.expire(now);
  listeners_.chores(leading_term() != 0);
}

void CoreDriver::trim_log() {
  post([this] { executor_->run(TrimLog{core_->trimmable(), core_->committed()}); });
}

// ---- Answers -----------------------------------------------------------------------------------

void CoreDriver::answer(const Answer& answer) {
  if (const auto write = writes_.find(answer.id); write != writes_.end()) {
    const PendingWritePtr pending = std::move(write->second);
    writes_.erase(write);
    writes_waiting_bytes_ -= pending->bytes;
    answer_write(*pending, answer);
    return;
  }
  const auto waiting = answers_.find(answer.id);
  if (waiting == answers_.end()) return;
  const AnswerDone done = std::move(waiting->second);
  answers_.erase(waiting);
  done(answer);
}

void CoreDriver::answer_write(PendingWrite& write, const Answer& answer) {
  switch (answer.kind) {
    case AnswerKind::done:
    case AnswerKind::refused: return write.done(std::move(write.result));
    case AnswerKind::failed:
      if (core_->membership().voter_count() > 1) return write.done(leader_cannot_write(write));
      return write.done(std::move(write.result));
    case AnswerKind::not_leader: return write.done(not_leader(answer.leader));
    case AnswerKind::busy:
      return write.done(Error{ErrorCode::unavailable, "busy",
                              "too many writes wait, or leadership is being handed over: try "
                              "again in a moment"});
    case AnswerKind::unknown: return write.done(unknown_outcome(answer.revision));
  }
}

void CoreDriver::answer_all_waiting() {
  const Error stopping{ErrorCode::unavailable, "shutting_down",
                       "the server is shutting down; retry at another, or later"};
  for (const auto& [id, write] : std::exchange(writes_, {})) write->done(unknown_outcome(0));
  for (const auto& [id, done] : std::exchange(answers_, {})) {
    done(Answer{id, AnswerKind::unknown, 0, 0, {}, stopping.message});
  }
  for (auto& [key, held] : std::exchange(held_replies_, {})) held.reply({});
  committed_waiters_.fail_all(stopping);
  durable_waiters_.fail_all(stopping);
}

}  // namespace mlguard::replicator
