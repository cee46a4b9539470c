#include "ml_detector/policy.h"

#include <algorithm>
#include <utility>

#include "flow/tracker.h"

namespace mlguard::ml_detector {
namespace {

constexpr std::int64_t kMsPerSecond = 1'000;
constexpr std::int64_t kPrefixWindowMs = 3'600 * kMsPerSecond;
constexpr std::uint32_t kTtlFactor = 4;
constexpr double kForgeableShare = 0.25;
// The hash that stands for a class's name needs no secret: names come from us or from the model.
constexpr std::uint64_t kKindSeed = 1;

std::uint64_t hash_of(const std::string& name) {
  std::uint64_t hash = kKindSeed;
  for (const char letter : name) {
    const std::uint64_t word = static_cast<unsigned char>(letter);
    hash = flow::hash_bytes(&word, sizeof word, hash);
  }
  return hash;
}

double forgeable_rate(const PolicySettings& settings) {
  if (settings.per_minute_max == 0) return 0;
  return std::max(1.0, settings.per_minute_max * kForgeableShare);
}

// Reasons that do not pass while an interval lasts.
bool is_lasting(Withheld withheld) {
  switch (withheld) {
    case Withheld::disabled:
    case Withheld::c2_servers_off:
    case Withheld::no_source:
    case Withheld::special_address:
    case Withheld::own_address:
    case Withheld::allowlisted:
    case Withheld::home:
    case Withheld::known_server: return true;
    default: return false;
  }
}

}  // namespace

const char* to_string(Withheld withheld) {
  switch (withheld) {
    case Withheld::none: return "none";
    case Withheld::low_score: return "low_score";
    case Withheld::few_flows: return "few_flows";
    case Withheld::disabled: return "disabled";
    case Withheld::c2_servers_off: return "c2_servers_off";
    case Withheld::no_source: return "no_source";
    case Withheld::already_blocked: return "already_blocked";
    case Withheld::rule_removed: return "rule_removed";
    case Withheld::special_address: return "special_address";
    case Withheld::own_address: return "own_address";
    case Withheld::allowlisted: return "allowlisted";
    case Withheld::home: return "home";
    case Withheld::known_server: return "known_server";
    case Withheld::rate: return "rate";
    case Withheld::prefix_rate: return "prefix_rate";
  }
  return "none";
}

Policy::Policy(PolicySettings settings, std::uint64_t seed, Now now)
    : settings_(std::move(settings)),
      proven_rules_(settings_.per_minute_max, now.monotonic_ms),
      forgeable_rules_(forgeable_rate(settings_), now.monotonic_ms),
      reports_(settings_.reports_per_minute_max, now.monotonic_ms),
      open_(kReportsOpenMax, seed),
      offenders_(kOffendersMax, seed),
      prefixes_(kPrefixesMax, seed) {}

void Policy::set_settings(PolicySettings settings, Now now) {
  settings_ = std::move(settings);
  proven_rules_.set_rate(settings_.per_minute_max, now.monotonic_ms);
  forgeable_rules_.set_rate(forgeable_rate(settings_), now.monotonic_ms);
  reports_.set_rate(settings_.reports_per_minute_max, now.monotonic_ms);
  // What spoke against a rule may be gone.
  for (auto at = open_.oldest(); at != open_.kNone; at = open_.newer_than(at)) {
    open_[at].withheld = Withheld::low_score;
  }
}

void Policy::restore(const std::vector<Offender>& offenders) {
  for (const Offender& offender : offenders) {
    if (offenders_.find(offender.address) != offenders_.kNone) continue;
    if (offenders_.full()) return;
    offenders_.insert(offender.address,
                      {offender.blocked_until_ms, offender.offences, offender.left_alone_until_ms});
  }
}

Policy::Blocked& Policy::offender(const flow::Address& suspect) {
  auto at = offenders_.find(suspect);
  if (at == offenders_.kNone) {
    if (offenders_.full()) offenders_.erase(offenders_.oldest());
    at = offenders_.insert(suspect, {});
  }
  offenders_.touch(at);
  return offenders_[at];
}

Offender Policy::rule_removed(const flow::Address& source, Now now) {
  Blocked& known = offender(source);
  known.until_ms = 0;
  known.offences -= std::min(known.offences, 1U);
  known.left_alone_until_ms =
      now.wall_ms + std::int64_t{settings_.respect_removal_s} * kMsPerSecond;
  return {source, known.until_ms, known.offences, known.left_alone_until_ms};
}

void Policy::rule_ends(const flow::Address& source, std::int64_t until_ms) {
  Blocked& known = offender(source);
  known.until_ms = until_ms;
  known.left_alone_until_ms = 0;
}

Policy::Topic Policy::topic_of(const Verdict& verdict) {
  std::uint64_t kind = hash_of(verdict.kind);
  if (verdict.suspect == Suspect::destination) {
    kind = flow::hash_bytes(&verdict.destination, sizeof verdict.destination, kind);
  }
  return {verdict.has_source ? verdict.source : verdict.destination, kind,
          verdict.has_source ? std::uint64_t{1} : std::uint64_t{0}};
}

Policy::Open& Policy::open(const Topic& topic, Now now, bool& is_new) {
  auto at = open_.find(topic);
  is_new = at == open_.kNone;
  if (is_new) {
    if (open_.full()) {
      if (open_[open_.oldest()].flows > 0) ++counters_.reports_suppressed;
      open_.erase(open_.oldest());
    }
    at = open_.insert(topic, {});
    open_[at].begin_ms = now.monotonic_ms;
  }
  return open_[at];
}

bool Policy::may_report(Now now) {
  if (reports_.take(now.monotonic_ms)) return true;
  ++counters_.reports_suppressed;
  return false;
}

Report Policy::report_of(Open& open) {
  Report report;
  report.verdict = open.strongest;
  report.flows = std::exchange(open.flows, 0);
  report.withheld = open.withheld;
  open.strongest.score = 0;
  return report;
}

double Policy::block_from(const Verdict& verdict) const {
  return verdict.by_model ? settings_.block_by_model : settings_.block;
}

std::optional<Report> Policy::decide(const Verdict& verdict, const KnownServers& servers, Now now) {
  if (verdict.score < settings_.detect) return std::nullopt;
  ++counters_.verdicts;
  bool is_new = false;
  Open& topic = open(topic_of(verdict), now, is_new);
  topic.flows += 1;
  if (verdict.score >= block_from(verdict)) topic.strong_flows += 1;
  if (verdict.score >= topic.strongest.score) topic.strongest = verdict;
  if (is_new || !is_lasting(topic.withheld)) {
    topic.withheld = judge(verdict, topic.strong_flows, servers, now);
    if (topic.withheld == Withheld::none) {
      topic.strongest = verdict;
      Report report = report_of(topic);
      report.block = blocked(verdict, now);
      ++counters_.reports;
      ++counters_.rules;
      return report;
    }
    if (topic.withheld != Withheld::low_score && topic.withheld != Withheld::few_flows) {
      ++counters_.withheld[static_cast<std::size_t>(topic.withheld)];
    }
  }
  if (!is_new || !may_report(now)) return std::nullopt;
  ++counters_.reports;
  return report_of(topic);
}

Withheld Policy::judge(const Verdict& verdict, std::uint64_t strong_flows,
                       const KnownServers& servers, Now now) {
  if (verdict.score < block_from(verdict)) return Withheld::low_score;
  if (!settings_.rules_enabled) return Withheld::disabled;
  const bool is_server = verdict.suspect == Suspect::destination;
  if (is_server && !settings_.block_c2_servers) return Withheld::c2_servers_off;
  if (!verdict.has_source) return Withheld::no_source;
  if (verdict.by_model && strong_flows < settings_.model_flows_min) return Withheld::few_flows;
  const flow::Address& suspect = verdict.suspected();
  const auto known = offenders_.find(suspect);
  if (known != offenders_.kNone && now.wall_ms < offenders_[known].until_ms) {
    return Withheld::already_blocked;
  }
  if (known != offenders_.kNone && now.wall_ms < offenders_[known].left_alone_until_ms) {
    return Withheld::rule_removed;
  }
  if (is_special(suspect)) return Withheld::special_address;
  if (any_contains(settings_.own, suspect)) return Withheld::own_address;
  if (any_contains(settings_.allowlist, suspect) ||
      (is_server && any_contains(settings_.allowlist, verdict.source))) {
    return Withheld::allowlisted;
  }
  if (verdict.evidence == Evidence::forgeable || verdict.by_model || is_server) {
    if (any_contains(settings_.home, suspect)) return Withheld::home;
  }
  if (verdict.evidence == Evidence::forgeable) {
    if (servers.contains(suspect, verdict.at_ns / flow::kNsPerSecond)) {
      return Withheld::known_server;
    }
  }
  return take_rate(verdict, now);
}

Withheld Policy::take_rate(const Verdict& verdict, Now now) {
  TokenBucket& bucket = verdict.evidence == Evidence::proven ? proven_rules_ : forgeable_rules_;
  if (!bucket.has(now.monotonic_ms)) return Withheld::rate;
  const flow::Address prefix = neighbourhood_of(verdict.suspected()).address;
  auto at = prefixes_.find(prefix);
  if (at == prefixes_.kNone) {
    if (prefixes_.full()) prefixes_.erase(prefixes_.oldest());
    at = prefixes_.insert(prefix, {now.monotonic_ms, 0});
  }
  prefixes_.touch(at);
  Prefix& rules = prefixes_[at];
  if (now.monotonic_ms - rules.begin_ms >= kPrefixWindowMs) rules = {now.monotonic_ms, 0};
  if (rules.rules >= settings_.per_prefix_max) return Withheld::prefix_rate;
  rules.rules += 1;
  bucket.take(now.monotonic_ms);
  return Withheld::none;
}

Offender Policy::blocked(const Verdict& verdict, Now now) {
  Blocked& known = offender(verdict.suspected());
  std::uint64_t ttl_s = std::min(settings_.forgeable_ttl_s, settings_.ttl_s);
  if (verdict.evidence == Evidence::proven) {
    ttl_s = settings_.ttl_s;
    for (std::uint32_t i = 0; i < known.offences && ttl_s < settings_.ttl_max_s; ++i) {
      ttl_s *= kTtlFactor;
    }
    ttl_s = std::min<std::uint64_t>(ttl_s, std::max(settings_.ttl_max_s, settings_.ttl_s));
    known.offences += 1;
  }
  known.until_ms = now.wall_ms + static_cast<std::int64_t>(ttl_s) * kMsPerSecond;
  known.left_alone_until_ms = 0;
  return {verdict.suspected(), known.until_ms, known.offences, 0};
}

std::vector<Report> Policy::due(Now now) {
  const std::int64_t interval_ms = std::int64_t{settings_.report_interval_s} * kMsPerSecond;
  std::vector<Report> reports;
  for (auto at = open_.oldest(); at != open_.kNone; at = open_.oldest()) {
    Open& topic = open_[at];
    if (now.monotonic_ms - topic.begin_ms < interval_ms) break;
    if (topic.flows == 0) {
      open_.erase(at);
      continue;
    }
    if (may_report(now)) {
      reports.push_back(report_of(topic));
      ++counters_.reports;
    }
    // It goes on: the next report comes after the next interval, if there is anything to tell.
    topic.flows = 0;
    topic.strong_flows = 0;
    topic.withheld = Withheld::low_score;
    topic.begin_ms = now.monotonic_ms;
    open_.touch(at);
  }
  return reports;
}

}  // namespace mlguard::ml_detector
