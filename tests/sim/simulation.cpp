#include "simulation.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>
#include <vector>

#include "clients.h"
#include "faults.h"
#include "linearizability.h"
#include "model_storage.h"
#include "node.h"
#include "world.h"

namespace mlguard::sim {
namespace {

constexpr std::size_t kNodesMax = 5;
constexpr int kFirstPort = 2379;
constexpr std::size_t kClientsMin = 2;
constexpr std::size_t kClientsMax = 5;
constexpr std::int64_t kStormUsMin = 5'000'000;
constexpr std::int64_t kStormUsMax = 20'000'000;
constexpr std::int64_t kSettleUsMax = 40'000'000;
constexpr std::int64_t kSettlePollUs = 50'000;
constexpr std::int64_t kFirstLeaderUs = 2'000'000;
constexpr std::int64_t kQuietUs = 3'000'000;
constexpr std::int64_t kCutOffUs = 6'000'000;
constexpr std::int64_t kSlowClockPpm = 150'000;
constexpr std::int64_t kUsualClockPpm = 1'000'000;
constexpr std::int64_t kOldEntriesUs = 500'000;
constexpr std::int64_t kElectionUs = 3'000'000;
constexpr std::int64_t kLookUs = 200;
constexpr std::int64_t kSlowSyncUsMin = 100'000;
constexpr std::int64_t kPartlySlowSyncUsMax = 150'000;
constexpr std::int64_t kLastCommitsUs = 50'000;
constexpr int kReadRounds = 10;
constexpr std::int64_t kDeafLeaderUs = 2'000'000;
constexpr std::uint64_t kCheckerStepsMax = 2'000'000;
constexpr std::int64_t kForeverUs = INT64_MAX / 2;

class Simulation {
 public:
  explicit Simulation(const Options& options)
      : options_(options),
        random_(options.seed),
        trace_(options.trace),
        oracle_(trace_),
        network_(events_, random_),
        around_{events_,   network_, random_,
                oracle_,   trace_,   options.rules != nullptr ? *options.rules : rules_,
                settings_, nodes_,   options.storage_forgets_votes} {}

  Outcome run() {
    try {
      prepare();
      play();
      settle();
      verify();
    } catch (const Violation& violation) {
      outcome_.violation = violation.what();
    }
    outcome_.steps = events_.count();
    outcome_.simulated_ms = events_.now_us() / kUsPerMs;
    outcome_.coverage = oracle_.coverage();
    return outcome_;
  }

 private:
  void prepare() {
    static constexpr Scenario kDeck[] = {
        Scenario::storm,   Scenario::storm,         Scenario::storm,       Scenario::storm,
        Scenario::storm,   Scenario::rivals,        Scenario::rivals,      Scenario::rivals,
        Scenario::members, Scenario::members,       Scenario::members,     Scenario::quiet,
        Scenario::quiet,   Scenario::lone_follower, Scenario::deaf_leader, Scenario::slow_leader,
        Scenario::old_term};
    outcome_.scenario = kDeck[random_.below(std::size(kDeck))];
    const bool needs_majority = outcome_.scenario >= Scenario::quiet;
    const bool needs_five = outcome_.scenario == Scenario::old_term;
    if (options_.nodes != 0 &&
        ((needs_majority && options_.nodes < 3) || (needs_five && options_.nodes != kNodesMax))) {
      outcome_.scenario = Scenario::storm;
    }
    const bool calm = outcome_.scenario >= Scenario::quiet;
    if (outcome_.scenario == Scenario::rivals) {
      // Short terms, and nearly no stagger: who misses the leader misses it at the same time.
      settings_.ping_interval_ms = 20;
      settings_.election_timeout_ms = 80;
      settings_.lost_leader_timeout_ms = 10;
      settings_.fetch_retry_ms = 100;
      settings_.rank_stagger_ms = random_.between(1, 10);
      settings_.election_jitter_ms = random_.between(1, settings_.rank_stagger_ms);
      network_.weather.delay_us_max = random_.between(2'000, 20'000);
    }
    outcome_.nodes = options_.nodes;
    if (outcome_.nodes == 0) {
      // Three and five matter most; a calm scenario needs a majority beside the one cut off.
      static constexpr std::size_t kSizes[] = {1, 2, 3, 3, 3, 3, 4, 5, 5, 5};
      outcome_.nodes = calm ? 3 + 2 * random_.below(2) : kSizes[random_.below(std::size(kSizes))];
      if (needs_five) outcome_.nodes = kNodesMax;
    }
    Membership bootstrap;
    for (std::size_t i = 0; i < outcome_.nodes; ++i) {
      // When members change, the cluster begins with three and the others are to be added.
      if (outcome_.scenario == Scenario::members && i >= 3) break;
      bootstrap.members.push_back({name(i), replicator::MemberKind::voter});
    }
    for (std::size_t i = 0; i < outcome_.nodes; ++i) {
      nodes_[name(i)] =
          std::make_unique<Node>(name(i), options_.make_storage(name(i), bootstrap), around_);
    }
    clients_ = std::make_unique<Clients>(
        around_, static_cast<std::size_t>(random_.between(kClientsMin, kClientsMax)));
    for (auto& [id, node] : nodes_) node->start();
    clients_->start();
  }

  static std::string name(std::size_t i) {
    return "node:" + std::to_string(kFirstPort + static_cast<int>(i));
  }

  void run_for(std::int64_t us) {
    const std::int64_t until = events_.now_us() + us;
    while (events_.run_one(until)) {
    }
  }

  void play() {
    switch (outcome_.scenario) {
      case Scenario::storm: play_storm(Faults::Kind::storm); return;
      case Scenario::members: play_storm(Faults::Kind::members); return;
      case Scenario::rivals: play_storm(Faults::Kind::rivals); return;
      case Scenario::quiet: play_quiet(); return;
      case Scenario::lone_follower: play_lone_follower(); return;
      case Scenario::deaf_leader: play_deaf_leader(); return;
      case Scenario::slow_leader: play_slow_leader(); return;
      case Scenario::old_term: play_old_term(); return;
    }
  }

  void play_storm(Faults::Kind kind) {
    faults_ = std::make_unique<Faults>(around_, kind);
    faults_->start();
    const std::int64_t storm_us = random_.between(kStormUsMin, kStormUsMax);
    const std::int64_t until = options_.steps_max != 0 ? kForeverUs : events_.now_us() + storm_us;
    while (options_.steps_max == 0 || events_.count() < options_.steps_max) {
      if (!events_.run_one(until)) break;
    }
  }

  // The lowest port leads, soon and for good.
  std::pair<Node*, Term> expect_first_leader() {
    run_for(kFirstLeaderUs);
    Node* leader = find_leader();
    if (leader == nullptr || leader->id() != nodes_.begin()->first) {
      throw Violation("the lowest port does not lead two seconds after a quiet start, but " +
                      (leader == nullptr ? std::string("nobody") : leader->id()));
    }
    return {leader, leader->core().status().term};
  }

  void expect_same_leader(Node* leader, Term term, const std::string& when) {
    if (find_leader() == leader && leader->core().status().term == term) return;
    throw Violation("leadership changed " + when + ", though the leader kept its majority");
  }

  void play_quiet() {
    const auto [leader, term] = expect_first_leader();
    run_for(kQuietUs);
    expect_same_leader(leader, term, "while all was quiet");
    // With a leader known and the others well, a handover takes well under a second.
    Node& target = *nodes_.rbegin()->second;
    leader->transfer(target.id());
    run_for(kFirstLeaderUs / 2);
    if (find_leader() == &target) return;
    throw Violation("leadership was not handed over to " + target.id());
  }

  void play_lone_follower() {
    const auto [leader, term] = expect_first_leader();
    Node* lone = leader;
    while (lone == leader) {
      lone = std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(random_.below(nodes_.size())))
                 ->second.get();
    }
    // It loses everybody, hears nobody, or misses only its leader, whom the others hear.
    const std::uint64_t kind = random_.below(3);
    // With nothing new to miss its log stays as good as the others', and only their loyalty helps.
    if (kind == 2) clients_->stop();
    for (const auto& [id, node] : nodes_) {
      if (kind != 2 || node.get() == leader) network_.cut(id, lone->id());
      if (kind == 0) network_.cut(lone->id(), id);
    }
    run_for(kCutOffUs);
    expect_same_leader(leader, term, "while a follower was cut off");
    network_.heal();
    run_for(kQuietUs);
    expect_same_leader(leader, term, "when a follower came back");
  }

  void play_deaf_leader() {
    const auto [leader, term] = expect_first_leader();
    for (const auto& [id, node] : nodes_) {
      network_.cut(id, leader->id());
      if (random_.chance(50)) network_.cut(leader->id(), id);
    }
    run_for(kDeafLeaderUs);
    const replicator::CoreStatus status = leader->core().status();
    if (status.role == replicator::Role::leader && status.term == term) {
      throw Violation(leader->id() + " still leads two seconds after it last heard a majority");
    }
    network_.heal();
  }

  // It believes that it leads long after the others have another leader. Its clients must not be
  // told anything out of date.
  void play_slow_leader() {
    const auto [leader, term] = expect_first_leader();
    leader->set_clock_rate_ppm(kSlowClockPpm);
    // Writes that it cannot store go elsewhere, and its reads have nothing uncommitted to wait for.
    leader->disk.full = random_.chance(80);
    run_for(kLastCommitsUs);
    split({leader});
    for (int i = 0; i < kReadRounds; ++i) {
      run_for(kCutOffUs / kReadRounds);
      clients_->read_all(leader->id());
    }
    leader->set_clock_rate_ppm(kUsualClockPpm);
    leader->disk.full = false;
    network_.heal();
  }

  void split(const std::vector<Node*>& side) {
    network_.heal();
    for (const auto& [id, node] : nodes_) {
      if (std::find(side.begin(), side.end(), node.get()) != side.end()) continue;
      for (const Node* inside : side) {
        network_.cut(id, inside->id());
        network_.cut(inside->id(), id);
      }
    }
  }

  // Runs until `done` or until `us` have passed.
  void run_until(std::int64_t us, const std::function<bool()>& done) {
    const std::int64_t until = events_.now_us() + us;
    while (events_.now_us() < until && !done()) run_for(kLookUs);
  }

  // Raft paper, figure 8. Two nodes hold entries of an old term; a third has led a newer term and
  // holds one entry of that; one of the two leads again and copies the old entries to a majority
  // while its own first entry is slow to reach the disk; both die. The third one wins, rightly,
  // and replaces the copies: they must not have been called committed.
  void play_old_term() {
    const auto [first, term] = expect_first_leader();
    Node* second = std::next(nodes_.begin())->second.get();
    split({first, second});
    run_for(kOldEntriesUs);
    first->crash();
    second->crash();
    Node* third = nullptr;
    run_until(kElectionUs, [&] {
      third = find_leader();
      return third != nullptr;
    });
    if (third == nullptr) return;
    split({third});
    run_for(kOldEntriesUs / 10);
    third->crash();
    network_.heal();
    for (Node* old : {first, second}) {
      old->disk.sync_us_min = kSlowSyncUsMin;
      old->disk.sync_us_max = kPartlySlowSyncUsMax;
      old->start();
    }
    const Revision committed = oracle_.committed();
    run_until(kElectionUs, [&] { return find_leader() != nullptr; });
    run_until(kSlowSyncUsMin / 2, [&] { return oracle_.committed() > committed; });
    first->crash();
    second->crash();
    third->start();
    run_for(kElectionUs);
    for (Node* old : {first, second}) {
      old->disk = {};
      old->start();
    }
  }

  // ---- After the storm ----

  void settle() {
    if (faults_) faults_->stop_and_mend();
    clients_->stop();
    const std::int64_t deadline = events_.now_us() + kSettleUsMax;
    while (!(clients_->idle() && settled())) {
      if (events_.now_us() >= deadline) throw Violation("nothing settles: " + describe());
      run_for(kSettlePollUs);
    }
    clients_->read_all();
    while (!clients_->idle()) {
      if (events_.now_us() >= deadline) throw Violation("reads do not return: " + describe());
      run_for(kSettlePollUs);
    }
  }

  Node* find_leader() {
    Node* leader = nullptr;
    for (auto& [id, node] : nodes_) {
      if (!node->up() || node->core().status().role != replicator::Role::leader) continue;
      if (leader == nullptr || node->core().status().term > leader->core().status().term) {
        leader = node.get();
      }
    }
    return leader;
  }

  bool settled() {
    const Node* leader = find_leader();
    if (leader == nullptr) return false;
    const replicator::CoreStatus expected = leader->core().status();
    if (expected.committed != expected.tail.revision) return false;
    for (const Member& member : expected.membership.members) {
      const Node& node = *nodes_.at(member.id);
      if (!node.storage().set_aside(1, 1).entries.empty()) return false;
      const replicator::CoreStatus status = node.core().status();
      if (!(status.tail == expected.tail) || status.committed != expected.committed ||
          status.term != expected.term) {
        return false;
      }
    }
    return oracle_.committed() == expected.committed;
  }

  std::string describe() {
    std::string text = std::to_string(oracle_.committed()) + " committed;";
    for (auto& [id, node] : nodes_) {
      if (!node->up()) continue;
      const replicator::CoreStatus s = node->core().status();
      text += " " + id + " " + to_string(s.role) + " term " + std::to_string(s.term) + " tail " +
              std::to_string(s.tail.revision) + " committed " + std::to_string(s.committed) + " " +
              to_string(s.mode) + ";";
    }
    return text + (clients_->idle() ? "" : " clients still wait");
  }

  void verify() {
    const Node* leader = find_leader();
    if (leader == nullptr) throw Violation("the leader went away: " + describe());
    for (const Member& member : leader->core().status().membership.members) {
      const Node& node = *nodes_.at(member.id);
      oracle_.check_settled(node);
      if (node.storage().state_digest() != leader->storage().state_digest()) {
        throw Violation(node.id() + " and " + leader->id() + " differ in state at one revision");
      }
    }
    const LinearizabilityReport report = check_linearizable(clients_->history(), kCheckerStepsMax);
    if (report.verdict == Verdict::violated) {
      throw Violation("not linearizable: " + report.explanation);
    }
    if (report.verdict == Verdict::undecided) ++oracle_.coverage().undecided_histories;
  }

  const Options options_;
  Random random_;
  const Trace trace_;
  Events events_;
  Oracle oracle_;
  Network network_;
  const replicator::Rules rules_;
  replicator::Settings settings_;
  std::map<std::string, std::unique_ptr<Node>> nodes_;
  Surroundings around_;
  std::unique_ptr<Clients> clients_;
  std::unique_ptr<Faults> faults_;
  Outcome outcome_;
};

}  // namespace

const char* to_string(Scenario scenario) {
  switch (scenario) {
    case Scenario::storm: return "storm";
    case Scenario::members: return "members";
    case Scenario::rivals: return "rivals";
    case Scenario::quiet: return "quiet";
    case Scenario::lone_follower: return "lone-follower";
    case Scenario::deaf_leader: return "deaf-leader";
    case Scenario::slow_leader: return "slow-leader";
    case Scenario::old_term: return "old-term";
  }
  return "unknown";
}

std::unique_ptr<Storage> make_model_storage(const std::string& self, const Membership& bootstrap) {
  return std::make_unique<ModelStorage>(self, bootstrap);
}

Outcome simulate(const Options& options) { return Simulation(options).run(); }

}  // namespace mlguard::sim
