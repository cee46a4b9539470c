#include "faults.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mlguard::sim {
namespace {

constexpr std::int64_t kMillion = 1'000'000;
constexpr std::int64_t kBetweenFaultsUsMin = 50'000;
constexpr std::int64_t kBetweenFaultsUsMax = 1'500'000;
constexpr std::int64_t kDownUsMax = 3'000'000;
constexpr std::int64_t kPauseUsMax = 2'500'000;
constexpr std::int64_t kClockJumpMsMax = 120'000;
constexpr std::int64_t kClockRateOffPpmMax = 200'000;
constexpr std::int64_t kSlowSyncUsMax = 400'000;
constexpr std::int64_t kSlowNetworkUsMax = 150'000;
constexpr unsigned kLostPermilleMax = 200;
constexpr unsigned kSelectedPercent = 45;
constexpr unsigned kMendPercent = 35;
constexpr int kMemberChangesWeight = 3;
constexpr std::int64_t kBetweenRivalFaultsUsMin = 1'000;
constexpr std::int64_t kBetweenRivalFaultsUsMax = 200'000;
constexpr std::int64_t kRivalSyncUsMax = 60'000;
constexpr unsigned kCrashAfterVotePermille = 150;
constexpr std::int64_t kRivalDownUsMax = 30'000;
constexpr std::int64_t kRefusedUsMax = 20'000;

}  // namespace

Faults::Faults(Surroundings around, Kind kind) : around_(around) {
  between_us_min_ = kBetweenFaultsUsMin;
  between_us_max_ = around_.random.between(kBetweenFaultsUsMin * 2, kBetweenFaultsUsMax);
  down_us_max_ = kDownUsMax;
  slow_sync_us_max_ = kSlowSyncUsMax;
  mend_percent_ = kMendPercent;
  tells_lost_peers_ = around_.random.chance(50);
  select(kind);
  if (kind != Kind::rivals) return;
  between_us_min_ = kBetweenRivalFaultsUsMin;
  between_us_max_ = kBetweenRivalFaultsUsMax;
  down_us_max_ = kRivalDownUsMax;
  slow_sync_us_max_ = kRivalSyncUsMax;
  crash_after_vote_permille_ = kCrashAfterVotePermille;
  for (auto& [id, node] : around_.nodes) {
    node->disk.crash_after_vote_permille = crash_after_vote_permille_;
  }
}

void Faults::select(Kind kind) {
  if (kind == Kind::rivals) {
    selected_ = {[this] { crash_one(); }, [this] { crash_one(); },   [this] { isolate_one(); },
                 [this] { crash_all(); }, [this] { change_disk(); }, [this] { split_in_two(); }};
    return;
  }
  const std::vector<std::function<void()>> all = {
      [this] { split_in_two(); },   [this] { isolate_one(); },
      [this] { cut_one_way(); },    [this] { crash_one(); },
      [this] { crash_all(); },      [this] { pause_one(); },
      [this] { jump_clock(); },     [this] { change_clock_rate(); },
      [this] { change_disk(); },    [this] { transfer(); },
      [this] { change_weather(); }, [this] { some_node().trim_some(); },
  };
  for (const auto& fault : all) {
    if (around_.random.chance(kSelectedPercent)) selected_.push_back(fault);
  }
  if (kind != Kind::members) return;
  for (int i = 0; i < kMemberChangesWeight; ++i) {
    selected_.emplace_back([this] { change_members(); });
  }
  selected_.emplace_back([this] { isolate_one(); });
}

void Faults::start() { schedule(); }

void Faults::schedule() {
  around_.events.after(around_.random.between(between_us_min_, between_us_max_), [this] {
    if (stopped_) return;
    strike();
    schedule();
  });
}

void Faults::strike() {
  // Mending is as frequent as breaking, or nothing would ever be decided.
  if (selected_.empty() || around_.random.chance(mend_percent_)) {
    line("network mended");
    around_.network.heal();
    return;
  }
  selected_[around_.random.below(selected_.size())]();
}

void Faults::stop_and_mend() {
  stopped_ = true;
  line("everything mended");
  around_.network.heal();
  around_.network.weather = {};
  for (auto& [id, node] : around_.nodes) {
    node->disk = {};
    node->set_clock_rate_ppm(kMillion);
    if (!node->up()) node->start();
    if (node->paused()) node->resume();
  }
}

// ---- Network -------------------------------------------------------------------------------

void Faults::split_in_two() {
  around_.network.heal();
  std::vector<std::string> side;
  std::vector<std::string> other;
  for (const auto& [id, node] : around_.nodes) {
    (around_.random.chance(50) ? side : other).push_back(id);
  }
  std::string text = "split:";
  for (const std::string& a : side) {
    text += " " + a;
    for (const std::string& b : other) {
      around_.network.cut(a, b);
      around_.network.cut(b, a);
    }
  }
  line(text + " | the rest");
}

void Faults::isolate_one() {
  around_.network.heal();
  Node* chosen = around_.random.chance(60) ? leader() : nullptr;
  if (chosen == nullptr) chosen = &some_node();
  for (const auto& [id, node] : around_.nodes) {
    around_.network.cut(chosen->id(), id);
    around_.network.cut(id, chosen->id());
  }
  line(chosen->id() + " isolated");
}

void Faults::cut_one_way() {
  const std::string from = some_node().id();
  const std::string to = some_node().id();
  around_.network.cut(from, to);
  line(from + " no longer reaches " + to);
}

void Faults::change_weather() {
  NetworkWeather& weather = around_.network.weather;
  weather = {};
  if (around_.random.chance(30)) return;
  weather.delay_us_max = around_.random.between(weather.delay_us_max, kSlowNetworkUsMax);
  weather.lost_permille = static_cast<unsigned>(around_.random.below(kLostPermilleMax));
  weather.doubled_permille = static_cast<unsigned>(around_.random.below(kLostPermilleMax));
  weather.late_permille = static_cast<unsigned>(around_.random.below(kLostPermilleMax));
  line("weather changes");
}

// ---- Processes, clocks, disks --------------------------------------------------------------

void Faults::start_later(Node& node) {
  around_.events.after(around_.random.between(1'000, down_us_max_), [&node] {
    if (!node.up()) node.start();
  });
}

void Faults::crash_one() {
  Node* chosen = around_.random.chance(50) ? leader() : nullptr;
  if (chosen == nullptr) chosen = &some_node();
  if (!chosen->up()) return;
  chosen->crash();
  start_later(*chosen);
  if (!tells_lost_peers_) return;
  for (const auto& [id, node] : around_.nodes) {
    if (node.get() == chosen || !around_.network.reaches(id, chosen->id())) continue;
    around_.events.after(around_.random.between(100, kRefusedUsMax),
                         [&peer = *node, lost = chosen->id()] { peer.peer_lost(lost); });
  }
}

void Faults::crash_all() {
  for (auto& [id, node] : around_.nodes) {
    if (!node->up()) continue;
    node->crash();
    start_later(*node);
  }
}

void Faults::pause_one() {
  Node* chosen = around_.random.chance(50) ? leader() : nullptr;
  if (chosen == nullptr) chosen = &some_node();
  if (!chosen->up() || chosen->paused()) return;
  line(chosen->id() + " paused");
  chosen->pause();
  around_.events.after(around_.random.between(1'000, kPauseUsMax), [chosen] {
    if (chosen->paused()) chosen->resume();
  });
}

void Faults::jump_clock() {
  some_node().jump_wall_ms(around_.random.between(-kClockJumpMsMax, kClockJumpMsMax));
}

void Faults::change_clock_rate() {
  some_node().set_clock_rate_ppm(kMillion +
                                 around_.random.between(-kClockRateOffPpmMax, kClockRateOffPpmMax));
}

void Faults::change_disk() {
  Node& node = some_node();
  node.disk = {};
  node.disk.crash_after_vote_permille = crash_after_vote_permille_;
  if (around_.random.chance(40)) {
    node.disk.full = true;
    line(node.id() + " disk full");
  } else if (around_.random.chance(70)) {
    node.disk.sync_us_max = around_.random.between(node.disk.sync_us_max, slow_sync_us_max_);
    line(node.id() + " disk slow");
  }
}

// ---- Operators -----------------------------------------------------------------------------

void Faults::change_members() {
  Node* chosen = leader();
  if (chosen == nullptr) return;
  const std::string member = some_node().id();
  const replicator::Membership membership = chosen->core().status().membership;
  const replicator::Member* known = membership.find(member);
  auto change = replicator::MemberChange::add_learner;
  if (known != nullptr && known->kind == replicator::MemberKind::learner) {
    change = around_.random.chance(80) ? replicator::MemberChange::promote
                                       : replicator::MemberChange::remove;
  } else if (known != nullptr) {
    change = replicator::MemberChange::remove;
  }
  line("asks for a change of member " + member);
  chosen->change_members(change, member);
}

void Faults::transfer() {
  Node* chosen = leader();
  if (chosen == nullptr) return;
  const std::string target = some_node().id();
  line("asks " + chosen->id() + " to hand over to " + target);
  chosen->transfer(target);
}

Node& Faults::some_node() {
  auto it = around_.nodes.begin();
  std::advance(it, static_cast<std::ptrdiff_t>(around_.random.below(around_.nodes.size())));
  return *it->second;
}

Node* Faults::leader() {
  for (auto& [id, node] : around_.nodes) {
    if (!node->up() || node->paused()) continue;
    if (node->core().status().role == replicator::Role::leader) return node.get();
  }
  return nullptr;
}

void Faults::line(const std::string& text) const {
  around_.trace.line(around_.events.now_us(), "! " + text);
}

}  // namespace mlguard::sim
