#include "node.h"

#include <algorithm>
#include <utility>

#include "oracle.h"

namespace mlguard::sim {
namespace {

constexpr std::int64_t kPpm = 1'000'000;
constexpr std::int64_t kEpochMs = 1'700'000'000'000;
constexpr std::int64_t kSnapshotGiveUpUs = 3'000'000;
constexpr std::int64_t kSnapshotStreamUsMax = 500'000;
constexpr std::int64_t kBackAtOnceUsMax = 3'000;
constexpr unsigned kReadGapUsMax = 5'000;

}  // namespace

Node::Node(std::string id, std::unique_ptr<Storage> storage, Surroundings around)
    : id_(std::move(id)), storage_(std::move(storage)), around_(around) {}

// ---- Process and clock ---------------------------------------------------------------------

void Node::start() {
  ++incarnation_;
  paused_ = false;
  backlog_.clear();
  disk_queue_.clear();
  disk_busy_ = false;
  snapshot_awaited_ = 0;
  waiting_.clear();
  core_ = std::make_unique<replicator::Core>(
      id_, around_.settings, storage_->recover(),
      replicator::Core::Parts{*storage_, *this, around_.rules}, local_ms());
  around_.trace.line(around_.events.now_us(), id_ + " starts");
  tick_at_us_ = 0;
  after_input();
}

void Node::crash() {
  if (!up()) return;
  around_.trace.line(around_.events.now_us(), id_ + " crashes");
  tear_last_write();
  core_.reset();
  ++incarnation_;
  disk_queue_.clear();
}

// What was under way when the power went: it may be on the disk as a whole, in part or not at all.
void Node::tear_last_write() {
  if (disk_queue_.empty() || disk.full || around_.random.chance(34)) return;
  StorageCommand command = disk_queue_.front();
  if (around_.random.chance(50)) {
    if (auto* append = std::get_if<replicator::Append>(&command.what)) {
      append->entries.resize(around_.random.below(append->entries.size() + 1));
    } else if (auto* execute = std::get_if<replicator::Execute>(&command.what)) {
      execute->batch.resize(around_.random.below(execute->batch.size() + 1));
    }
  }
  around_.oracle.note_run(*this, command, perform(command));
}

void Node::resume() {
  paused_ = false;
  std::vector<std::function<void()>> backlog = std::exchange(backlog_, {});
  for (auto& input : backlog) take(std::move(input));
  tick_at_us_ = 0;
  if (up()) schedule_tick();
}

std::int64_t Node::local_us() const {
  return anchor_local_us_ + (around_.events.now_us() - anchor_us_) * rate_ppm_ / kPpm;
}

void Node::set_clock_rate_ppm(std::int64_t rate_ppm) {
  anchor_local_us_ = local_us();
  anchor_us_ = around_.events.now_us();
  rate_ppm_ = rate_ppm;
}

std::int64_t Node::wall_ms() const {
  return kEpochMs + around_.events.now_us() / kUsPerMs + wall_offset_ms_;
}

std::int64_t Node::up_to_ms(std::int64_t bound_ms) { return around_.random.between(0, bound_ms); }

void Node::take(std::function<void()> input) {
  if (!up()) return;
  if (paused_) {
    backlog_.push_back([this, life = incarnation_, input = std::move(input)] {
      if (life == incarnation_) input();
    });
    return;
  }
  input();
}

void Node::schedule_tick() {
  const std::int64_t in_ms = std::max<std::int64_t>(core_->next_deadline_ms() - local_ms(), 0);
  const std::int64_t at_us =
      around_.events.now_us() + std::max<std::int64_t>(in_ms * kPpm * kUsPerMs / rate_ppm_, 100);
  if (tick_at_us_ > around_.events.now_us() && tick_at_us_ <= at_us) return;
  tick_at_us_ = at_us;
  around_.events.at(at_us, [this, generation = ++tick_generation_, life = incarnation_] {
    if (generation != tick_generation_ || life != incarnation_) return;
    take([this] {
      tick_at_us_ = 0;
      core_->tick(local_ms());
      after_input();
    });
  });
}

// ---- Inputs and outputs --------------------------------------------------------------------

void Node::after_input() {
  replicator::Output output = core_->take_output();
  for (const replicator::Alarm& alarm : output.alarms) around_.oracle.note_alarm(*this, alarm);
  around_.oracle.check(*this);
  for (StorageCommand& command : output.storage) {
    if (std::holds_alternative<replicator::FetchSnapshot>(command.what)) {
      fetch_snapshot(command);
      continue;
    }
    if (std::holds_alternative<replicator::InstallSnapshot>(command.what)) {
      around_.oracle.note_install_ordered(*this);
    }
    queue_disk(std::move(command));
  }
  for (replicator::Message& message : output.messages) {
    const std::string to = message.to;
    around_.network.send(id_, to, [this, to, message = std::move(message)] {
      const auto node = around_.nodes.find(to);
      if (node != around_.nodes.end()) node->second->receive(message);
    });
  }
  for (const replicator::Answer& answer : output.answers) {
    const auto found = waiting_.find(answer.id);
    if (found == waiting_.end()) continue;
    const Waiting waiting = std::move(found->second);
    waiting_.erase(found);
    if (waiting.callback) waiting.callback(answer, waiting.read);
  }
  schedule_tick();
}

void Node::receive(const replicator::Message& message) {
  take([this, message] {
    if (around_.trace.on()) {
      around_.trace.line(around_.events.now_us(), message.from + " → " + id_ + " " +
                                                      replicator::name_of(message.body) + " term " +
                                                      std::to_string(message.term));
    }
    core_->receive(local_ms(), message);
    after_input();
  });
}

void Node::peer_lost(const std::string& peer) {
  take([this, peer] {
    core_->peer_lost(local_ms(), peer);
    after_input();
  });
}

void Node::write(const Command& command, replicator::Ack ack, AnswerCallback callback) {
  take([this, command, ack, callback = std::move(callback)] {
    replicator::Proposal proposal;
    proposal.id = next_request_++;
    proposal.ack = ack;
    proposal.payload = storage_->encode(command);
    waiting_[proposal.id] = {callback, {}};
    core_->propose(local_ms(), std::move(proposal));
    after_input();
  });
}

// As a server's thread does it: note the term, read the state, then ask for confirmation; time may
// pass between.
void Node::read(const std::string& key, AnswerCallback callback) {
  take([this, key, callback = std::move(callback)] {
    const replicator::CoreStatus status = core_->status();
    const Term term = status.role == replicator::Role::leader ? status.term : 0;
    const std::uint64_t id = next_request_++;
    waiting_[id] = {callback, storage_->read(key)};
    const replicator::ReadRequest request{id, term, storage_->tail().revision};
    const std::int64_t gap_us = around_.random.between(0, kReadGapUsMax);
    around_.events.after(gap_us, [this, request, life = incarnation_] {
      if (life != incarnation_) return;
      take([this, request] {
        core_->read(local_ms(), request);
        after_input();
      });
    });
  });
}

void Node::change_members(replicator::MemberChange change, const std::string& member) {
  take([this, change, member] {
    core_->change_members(local_ms(), {next_request_++, change, member});
    after_input();
  });
}

void Node::transfer(const std::string& target) {
  take([this, target] {
    core_->transfer(local_ms(), {next_request_++, target});
    after_input();
  });
}

void Node::trim_some() {
  if (!up()) return;
  const Revision committed = core_->status().committed;
  const Revision base = storage_->base();
  if (committed <= base) return;
  storage_->trim(base + 1 + around_.random.below(committed - base));
}

// ---- Disk ----------------------------------------------------------------------------------

void Node::queue_disk(StorageCommand command) {
  disk_queue_.push_back(std::move(command));
  if (!disk_busy_) run_disk();
}

void Node::run_disk() {
  disk_busy_ = true;
  const std::int64_t sync_us = around_.random.between(disk.sync_us_min, disk.sync_us_max);
  around_.events.after(sync_us, [this, life = incarnation_] {
    if (life == incarnation_) disk_done();
  });
}

// Durable from here on, whether or not the process still hears of it.
void Node::disk_done() {
  const StorageCommand command = std::move(disk_queue_.front());
  disk_queue_.pop_front();
  StorageDone done;
  if (disk.full) {
    done.id = command.id;
    done.outcome = replicator::StorageOutcome::refused;
    done.problem = "disk full";
  } else {
    done = perform(command);
    around_.oracle.note_run(*this, command, done);
  }
  take([this, done] {
    core_->storage_done(local_ms(), done);
    after_input();
  });
  disk_busy_ = false;
  if (up() && !disk_queue_.empty()) run_disk();
  const auto* vote = std::get_if<replicator::PersistVote>(&command.what);
  if (vote == nullptr || vote->state.voted_for.empty() || vote->state.voted_for == id_) return;
  if (around_.random.chance_permille(disk.crash_after_vote_permille)) crash_and_come_back();
}

void Node::crash_and_come_back() {
  crash();
  around_.events.after(around_.random.between(100, kBackAtOnceUsMax), [this] {
    if (!up()) start();
  });
}

StorageDone Node::perform(const StorageCommand& command) {
  around_.oracle.note_start(*this, command);
  if (const auto* install = std::get_if<replicator::InstallSnapshot>(&command.what)) {
    if (snapshot_.first != install->fetch_id) {
      throw Violation(id_ + " installs a snapshot that it did not fetch");
    }
    return storage_->install(command.id, *snapshot_.second, install->keep_after);
  }
  StorageCommand run = command;
  if (auto* vote = std::get_if<replicator::PersistVote>(&run.what)) {
    if (around_.forgets_votes) vote->state.voted_for.clear();
  }
  return storage_->run(run, wall_ms());
}

// ---- Snapshots: the shell's part, as docs/replication.md describes it -----------------------

void Node::fetch_snapshot(const StorageCommand& command) {
  const auto fetch = std::get<replicator::FetchSnapshot>(command.what);
  snapshot_awaited_ = command.id;
  const auto arrive = [this, id = command.id,
                       life = incarnation_](std::shared_ptr<const Snapshot> snapshot) {
    if (life == incarnation_ && snapshot_awaited_ == id) finish_fetch(id, std::move(snapshot));
  };
  around_.network.send(id_, fetch.from, [this, fetch, arrive] {
    const auto node = around_.nodes.find(fetch.from);
    if (node == around_.nodes.end()) return;
    node->second->take([this, fetch, arrive, &sender = *node->second] {
      sender.send_snapshot(fetch.term, fetch.revision_min, arrive, id_);
    });
  });
  around_.events.after(kSnapshotGiveUpUs, [arrive] { arrive(nullptr); });
}

// Copying and streaming take time, in which the sender may cease to lead.
void Node::send_snapshot(Term term, Revision revision_min,
                         const std::function<void(std::shared_ptr<const Snapshot>)>& arrive,
                         const std::string& to) {
  const std::shared_ptr<const Snapshot> snapshot = storage_->snapshot();
  if (!core_->may_offer_snapshot(term) || snapshot->position.revision < revision_min) return;
  const std::int64_t stream_us = around_.random.between(0, kSnapshotStreamUsMax);
  around_.events.after(stream_us, [this, term, snapshot, arrive, to, life = incarnation_] {
    if (life != incarnation_ || !core_->may_offer_snapshot(term)) return;
    around_.network.send(id_, to, [snapshot, arrive] { arrive(snapshot); });
  });
}

void Node::finish_fetch(std::uint64_t command_id, std::shared_ptr<const Snapshot> snapshot) {
  snapshot_awaited_ = 0;
  StorageDone done;
  done.id = command_id;
  if (snapshot == nullptr) {
    done.outcome = replicator::StorageOutcome::refused;
    done.problem = "no snapshot came";
  }
  snapshot_ = {command_id, std::move(snapshot)};
  take([this, done] {
    core_->storage_done(local_ms(), done);
    after_input();
  });
}

}  // namespace mlguard::sim
