#include "simulation.h"

#include <algorithm>
#include <map>
#include <utility>

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
        Scenario::quiet,   Scenario::lone_follower, Scenario::deaf_leader, Scenario::slow_leader};
    outcome_.scenario = kDeck[random_.below(std::size(kDeck))];
    const bool calm = outcome_.scenario >= Scenario::quiet;
    if (outcome_.scenario == Scenario::rivals) {
      // Nearly no stagger: whoever misses the leader misses it at the same time.
      settings_.rank_stagger_ms = random_.between(1, 10);
      settings_.election_jitter_ms = random_.between(1, settings_.rank_stagger_ms);
    }
    outcome_.nodes = options_.nodes;
    if (outcome_.nodes == 0) {
      // Three and five matter most; a calm scenario needs a majority beside the one cut off.
      static constexpr std::size_t kSizes[] = {1, 2, 3, 3, 3, 3, 4, 5, 5, 5};
      outcome_.nodes = calm ? 3 + 2 * random_.below(2) : kSizes[random_.below(std::size(kSizes))];
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
    for (const auto& [id, node] : nodes_) {
      network_.cut(id, leader->id());
      network_.cut(leader->id(), id);
    }
    run_for(kCutOffUs);
    leader->set_clock_rate_ppm(kUsualClockPpm);
    network_.heal();
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
    const LinearizabilityReport report =
        check_linearizable(clients_->history(), kCheckerStepsMax);
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
  }
  return "unknown";
}

std::unique_ptr<Storage> make_model_storage(const std::string& self, const Membership& bootstrap) {
  return std::make_unique<ModelStorage>(self, bootstrap);
}

Outcome simulate(const Options& options) { return Simulation(options).run(); }

}  // namespace mlguard::sim
