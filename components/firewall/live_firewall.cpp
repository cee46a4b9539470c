#include "firewall/live_firewall.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/logging.h"
#include "base/rule_scope.h"
#include "firewall/dry_run_enforcer.h"
#include "firewall/enforcement.h"
#include "firewall/live_detail.h"
#include "firewall/remembered.h"
#include "firewall/rule_keeper.h"

namespace mlguard::firewall {
namespace {

using base::Error;
using base::ErrorCode;
using base::Status;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kLookAtHostEvery{5};
constexpr std::chrono::seconds kUpkeepEvery{1};
constexpr std::chrono::seconds kSetUpAgain{2};
constexpr std::chrono::milliseconds kDetailEvery{500};
constexpr std::int64_t kClockJumpMs = 1'000;
constexpr std::size_t kRepairsRememberedMax = 100;

// What others tell the working thread.
struct Inbox {
  std::deque<base::RuleSet> rules;
  std::optional<Remembered> remembered;  // The newest, whole.
};

class RunningFirewall final : public LiveFirewall {
 public:
  RunningFirewall(LiveOptions options, EnforcerMakers makers, const base::Clock& clock,
                  Remembered remembered, LiveConfig config)
      : options_(std::move(options)),
        makers_(std::move(makers)),
        clock_(clock),
        keeper_(options_.state_path, config.rules_max),
        config_(std::move(config)),
        told_(std::move(remembered)) {
    inbox_.remembered = told_;
    clock_offset_ms_ = clock_.wall_ms() - clock_.monotonic_ms();
    keeper_.load(clock_.wall_ms());
    revision_ = keeper_.table().revision();
    thread_ = std::thread([this] { run(); });
  }
  ~RunningFirewall() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    news_.notify_all();
    thread_.join();
  }

  Status apply(const std::string& document) override {
    const auto parsed = parse_live_config(document);
    if (!parsed.ok()) return parsed.error();
    tell([&](Remembered& told) { told.config = document; });
    return {};
  }
  Status apply_global(const std::string& document) override {
    auto allowlist = parse_global_allowlist(document);
    if (!allowlist.ok()) return allowlist.error();
    tell([&](Remembered& told) { told.global_allowlist = std::move(*allowlist); });
    return {};
  }
  void control_plane_is_at(const std::vector<ProtectedNetwork>& addresses) override {
    tell([&](Remembered& told) { told.control_plane = addresses; });
  }
  void rules(base::RuleSet set) override {
    {
      const std::lock_guard lock(mutex_);
      inbox_.rules.push_back(std::move(set));
    }
    wake_.notify_all();
  }

  std::uint64_t known_revision() const override {
    const std::lock_guard lock(mutex_);
    return revision_;
  }
  void wait_for_news(std::chrono::milliseconds most) override {
    std::unique_lock lock(mutex_);
    news_.wait_for(lock, most, [this] { return has_news_ || stopping_; });
    has_news_ = false;
  }
  bool take_wants_all() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(wants_all_, false);
  }
  std::vector<std::string> take_repairs() override {
    const std::lock_guard lock(mutex_);
    return std::exchange(repairs_told_, {});
  }
  std::optional<RulesInForce> in_force() const override {
    const std::lock_guard lock(mutex_);
    return in_force_;
  }
  std::string detail() const override {
    const std::lock_guard lock(mutex_);
    return detail_;
  }
  Status health() const override {
    const std::lock_guard lock(mutex_);
    return health_;
  }

 private:
  template <class Change>
  void tell(const Change& change);
  void run();
  void round(Inbox inbox);
  void take_remembered(const Remembered& remembered);
  void take_rules(const std::deque<base::RuleSet>& sets);
  void set_up();
  Status set_up_nft();
  Status set_up_xdp();
  void take_down(std::unique_ptr<Enforcement>& enforcement);
  void look_at_host();
  void watch_the_clock();
  void enforce();
  void note_repair(const Enforcement& by, const Drift& drift);
  void read_in_force();
  void publish();
  Status current_health() const;
  std::vector<Enforcement*> enforcements() const;
  bool is_dry() const { return options_.dry_run || config_.dry_run; }
  std::chrono::milliseconds pause() const;

  const LiveOptions options_;
  const EnforcerMakers makers_;
  const base::Clock& clock_;

  // Of the working thread.
  RuleKeeper keeper_;
  LiveConfig config_;
  Remembered remembered_;
  std::vector<ProtectedNetwork> guarded_;  // Given to the table last.
  std::unique_ptr<Enforcement> dry_;
  std::unique_ptr<Enforcement> nft_;
  std::unique_ptr<Enforcement> xdp_;
  XdpEnforcer* xdp_enforcer_ = nullptr;  // In xdp_.
  NftOptions nft_options_;               // Of nft_.
  bool must_set_up_ = true;
  std::string set_up_problem_;
  std::int64_t clock_offset_ms_ = 0;
  steady_clock::time_point host_at_;
  steady_clock::time_point upkeep_at_;
  steady_clock::time_point set_up_at_;
  steady_clock::time_point publish_at_;
  std::optional<RulesInForce> read_;
  bool new_reading_ = false;
  std::uint64_t repairs_ = 0;
  std::string last_repair_;

  // Shared, guarded by mutex_.
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable news_;
  bool stopping_ = false;
  Inbox inbox_;
  Remembered told_;
  bool has_news_ = false;
  bool wants_all_ = false;
  std::uint64_t revision_ = 0;
  std::vector<std::string> repairs_told_;
  std::optional<RulesInForce> in_force_;
  std::string detail_ = R"({"data_plane":"starting"})";
  Status health_;
  std::thread thread_;
};

template <class Change>
void RunningFirewall::tell(const Change& change) {
  {
    const std::lock_guard lock(mutex_);
    const Remembered before = told_;
    change(told_);
    if (told_ == before) return;
    inbox_.remembered = told_;
  }
  wake_.notify_all();
}

void RunningFirewall::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Inbox inbox = std::exchange(inbox_, {});
    lock.unlock();
    round(std::move(inbox));
    const auto wait = pause();
    lock.lock();
    wake_.wait_for(lock, wait, [this] {
      return stopping_ || !inbox_.rules.empty() || inbox_.remembered.has_value();
    });
  }
  lock.unlock();
  keeper_.upkeep();
}

std::chrono::milliseconds RunningFirewall::pause() const {
  const std::int64_t next = keeper_.table().next_expiry_ms();
  if (next == kNeverMs) return kPollInterval;
  const std::int64_t left = std::max<std::int64_t>(next - clock_.wall_ms(), 1);
  return std::min(kPollInterval, std::chrono::milliseconds(left));
}

void RunningFirewall::round(Inbox inbox) {
  const auto now = steady_clock::now();
  if (inbox.remembered) take_remembered(*inbox.remembered);
  if (must_set_up_ && now >= set_up_at_) set_up();
  if (now >= host_at_) look_at_host();
  take_rules(inbox.rules);
  watch_the_clock();
  enforce();
  read_in_force();
  if (now >= upkeep_at_ || keeper_.wants_upkeep()) {
    keeper_.upkeep();
    upkeep_at_ = now + kUpkeepEvery;
  }
  publish();
}

void RunningFirewall::take_remembered(const Remembered& remembered) {
  // What was applied once parses; only a file that somebody edited does not.
  const std::string& document =
      remembered.config.empty() ? options_.first_config : remembered.config;
  const auto config = parse_live_config(document);
  if (config.ok()) config_ = *config;
  const bool is_new = !(remembered == remembered_);
  remembered_ = remembered;
  must_set_up_ = true;
  set_up_at_ = {};
  host_at_ = {};
  if (keeper_.table().rules_max() != config_.rules_max) {
    keeper_.table().set_rules_max(config_.rules_max);
    if (keeper_.table().knows_rules()) {
      const std::lock_guard lock(mutex_);
      wants_all_ = has_news_ = true;
    }
  }
  if (!is_new) return;
  const Status saved = save_remembered(options_.state_path + ".json", remembered_);
  if (!saved.ok()) {
    base::log_warn("cannot keep the configuration on disk", {{"problem", saved.error().message}});
  }
}

void RunningFirewall::take_rules(const std::deque<base::RuleSet>& sets) {
  bool wants_all = false;
  for (const base::RuleSet& set : sets) {
    if (set.full) {
      base::log_info("all rules received",
                     {{"rules", set.rules.size()}, {"revision", set.revision}});
    }
    const Status applied = keeper_.apply(set, clock_.wall_ms());
    if (applied.ok()) continue;
    base::log_warn("the rules do not add up", {{"problem", applied.error().message}});
    wants_all = true;
  }
  keeper_.table().expire(clock_.wall_ms());
  wants_all = wants_all || keeper_.table().has_room_again();
  const std::lock_guard lock(mutex_);
  revision_ = keeper_.table().revision();
  if (wants_all) wants_all_ = has_news_ = true;
}

void RunningFirewall::take_down(std::unique_ptr<Enforcement>& enforcement) {
  if (!enforcement) return;
  const Status cleared = enforcement->enforcer().clear();
  if (!cleared.ok()) {
    base::log_warn("could not clear", {{"what", enforcement->enforcer().name()},
                                       {"problem", cleared.error().message}});
  }
  enforcement.reset();
}

void RunningFirewall::set_up() {
  Status nft;
  Status xdp;
  if (is_dry()) {
    // What an earlier one enforced does not go on dropping beside a dry run.
    if (!dry_ && !nft_) (void)set_up_nft().ok();
    if (!dry_ && !xdp_) (void)set_up_xdp().ok();
    take_down(nft_);
    take_down(xdp_);
    if (!dry_) dry_ = std::make_unique<Enforcement>(make_dry_run_enforcer());
  } else {
    dry_.reset();
    nft = set_up_nft();
    xdp = set_up_xdp();
  }
  const Status& failed = nft.ok() ? xdp : nft;
  const std::string problem = failed.ok() ? std::string() : failed.error().message;
  if (problem != set_up_problem_ && !problem.empty()) {
    base::log_warn("cannot enforce", {{"problem", problem}});
  }
  set_up_problem_ = problem;
  must_set_up_ = !failed.ok();
  set_up_at_ = steady_clock::now() + kSetUpAgain;
}

Status RunningFirewall::set_up_nft() {
  NftOptions wanted;
  wanted.table = config_.table;
  wanted.priority = config_.priority;
  if (nft_ && wanted == nft_options_) return {};
  auto made = makers_.nft(wanted);
  if (!made.ok()) return made.error();
  auto old = std::exchange(nft_, std::make_unique<Enforcement>(std::move(*made)));
  if (nft_options_.table != wanted.table) take_down(old);
  nft_options_ = wanted;
  return {};
}

Status RunningFirewall::set_up_xdp() {
  if (!config_.xdp && options_.xdp_interfaces.empty()) {
    take_down(xdp_);
    return {};
  }
  if (!xdp_) {
    auto made = makers_.xdp();
    if (!made.ok()) return made.error();
    xdp_enforcer_ = made->get();
    xdp_ = std::make_unique<Enforcement>(std::move(*made));
  }
  xdp_enforcer_->set_interfaces(options_.xdp_interfaces.empty() ? config_.interfaces
                                                                : options_.xdp_interfaces);
  return {};
}

void RunningFirewall::look_at_host() {
  host_at_ = steady_clock::now() + kLookAtHostEvery;
  std::vector<ProtectedNetwork> all = options_.host_addresses();
  all.insert(all.end(), remembered_.control_plane.begin(), remembered_.control_plane.end());
  for (const std::vector<std::string>* list : {&config_.allowlist, &remembered_.global_allowlist}) {
    for (const std::string& text : *list) {
      const auto network = parse_network(text);
      if (network.ok()) all.push_back({*network, std::string(base::kOnTheAllowlist)});
    }
  }
  if (all == guarded_) return;
  guarded_ = all;
  publish_at_ = {};
  keeper_.table().set_protected(std::move(all));
}

// Ends in the kernel are relative to its own clocks: when the wall clock is set, they are wrong.
void RunningFirewall::watch_the_clock() {
  const std::int64_t offset = clock_.wall_ms() - clock_.monotonic_ms();
  const std::int64_t moved = offset - clock_offset_ms_;
  if (moved < kClockJumpMs && moved > -kClockJumpMs) return;
  base::log_warn("the clock was set: all blocks get new ends", {{"by_ms", moved}});
  clock_offset_ms_ = offset;
  for (Enforcement* one : enforcements()) one->clock_was_set();
}

std::vector<Enforcement*> RunningFirewall::enforcements() const {
  std::vector<Enforcement*> all;
  for (const auto* one : {&dry_, &nft_, &xdp_}) {
    if (*one) all.push_back(one->get());
  }
  return all;
}

void RunningFirewall::enforce() {
  RuleTable& table = keeper_.table();
  // Nothing is known yet: what an earlier process left in the kernel is better than nothing.
  if (!table.knows_rules()) return;
  const TargetChange change = table.take_change();
  if (!change.empty()) new_reading_ = true;
  for (Enforcement* one : enforcements()) {
    const std::uint64_t before = one->listings();
    one->follow(change, table.targets(), clock_.wall_ms());
    new_reading_ = new_reading_ || one->listings() != before;
    const Drift drift = one->take_drift();
    if (drift.any()) note_repair(*one, drift);
  }
}

void RunningFirewall::note_repair(const Enforcement& by, const Drift& drift) {
  ++repairs_;
  last_repair_ = std::string(by.enforcer().name()) + ": " + drift.text() + "; repaired";
  base::log_warn("another changed what is ours; repaired",
                 {{"by", by.enforcer().name()}, {"what", drift.text()}});
  const std::lock_guard lock(mutex_);
  if (repairs_told_.size() < kRepairsRememberedMax) repairs_told_.push_back(last_repair_);
  has_news_ = true;
}

void RunningFirewall::read_in_force() {
  const auto all = enforcements();
  const RuleTable& table = keeper_.table();
  if (all.empty() || !table.knows_rules()) return;
  const bool revised = !read_ || read_->revision != table.revision();
  if (!new_reading_ && !revised) return;
  if (!std::all_of(all.begin(), all.end(), [](auto* one) { return one->is_read_back(); })) return;
  new_reading_ = false;
  RulesInForce read;
  read.revision = table.revision();
  read.digest = base::format_digest(table.digest_in_force([&](const Target& target) {
    return std::all_of(all.begin(), all.end(), [&](auto* one) { return one->holds(target); });
  }));
  if (read_ == read) return;
  if (!read_) {
    base::log_info("in force", {{"networks", table.targets().size()}, {"revision", read.revision}});
  }
  read_ = read;
  publish_at_ = {};
  const std::lock_guard lock(mutex_);
  in_force_ = read;
  has_news_ = true;
}

Status RunningFirewall::current_health() const {
  const auto degraded = [](const std::string& why) {
    return Status(Error(ErrorCode::unavailable, "degraded", why));
  };
  if (!set_up_problem_.empty()) return degraded(set_up_problem_);
  for (const Enforcement* one : enforcements()) {
    if (!one->problem().empty()) return degraded(one->problem());
  }
  if (xdp_ && !xdp_enforcer_->problem().empty()) return degraded(xdp_enforcer_->problem());
  const std::size_t left_out = keeper_.table().left_out();
  if (left_out > 0) {
    return degraded(std::to_string(left_out) + " rules are beyond rules_max (" +
                    std::to_string(config_.rules_max) +
                    ") and are not enforced: raise it, or let rules end sooner");
  }
  if (!keeper_.problem().empty()) return degraded(keeper_.problem());
  return {};
}

void RunningFirewall::publish() {
  const auto now = steady_clock::now();
  if (now < publish_at_) return;
  publish_at_ = now + kDetailEvery;
  DetailInput input;
  input.table = &keeper_.table();
  input.guarded = &guarded_;
  for (const Enforcement* one : enforcements()) input.enforcements.push_back(one);
  input.dry_run = is_dry();
  input.digest = read_ ? read_->digest : std::string();
  input.repairs = repairs_;
  input.last_repair = last_repair_;
  std::string detail = live_detail(input);
  Status health = current_health();
  const std::lock_guard lock(mutex_);
  detail_ = std::move(detail);
  health_ = std::move(health);
}

}  // namespace

base::Result<std::unique_ptr<LiveFirewall>> LiveFirewall::start(const LiveOptions& options,
                                                                EnforcerMakers makers,
                                                                const base::Clock& clock) {
  auto config = parse_live_config(options.first_config);
  if (!config.ok()) return config.error();
  Remembered remembered;
  auto loaded = load_remembered(options.state_path + ".json");
  if (loaded.ok()) {
    remembered = std::move(*loaded);
  } else if (loaded.error().code != ErrorCode::not_found) {
    base::log_warn("cannot read what was remembered", {{"problem", loaded.error().message}});
  }
  return std::unique_ptr<LiveFirewall>(std::make_unique<RunningFirewall>(
      options, std::move(makers), clock, std::move(remembered), std::move(*config)));
}

}  // namespace mlguard::firewall
