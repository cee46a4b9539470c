#include "ml_detector/own_rules.h"

#include <limits>
#include <string_view>

#include "ml_detector/networks.h"
#include "ml_detector/report_records.h"

namespace mlguard::ml_detector {

std::vector<Offender> heed(const std::vector<RuleNews>& news, Policy& policy, Now now) {
  std::vector<Offender> left_alone;
  for (const RuleNews& each : news) {
    if (each.what == RuleNews::What::taken_away) {
      left_alone.push_back(policy.rule_removed(each.address, now));
    } else {
      policy.rule_ends(each.address,
                       each.what == RuleNews::What::in_force ? each.until_ms : std::int64_t{0});
    }
  }
  return left_alone;
}

void OwnRules::expect(const std::vector<Offender>& offenders,
                      const std::vector<std::string>& queued, std::int64_t now_ms) {
  const std::unordered_set<std::string> waiting(queued.begin(), queued.end());
  for (const Offender& offender : offenders) {
    if (offender.blocked_until_ms <= now_ms || seen_.size() >= kOffendersMax) continue;
    const std::string id = rule_id_of(detector_, offender.address);
    if (waiting.count(id) == 0) seen_[id] = {offender.address, offender.blocked_until_ms};
  }
}

std::vector<RuleNews> OwnRules::look(const base::RuleSet& set, std::int64_t now_ms) {
  std::vector<RuleNews> news;
  if (set.full) {
    std::unordered_set<std::string_view> there;
    for (const base::Rule& rule : set.rules) there.insert(rule.id);
    std::vector<std::string> missing;
    for (const auto& [id, rule] : seen_) {
      if (there.count(id) == 0) missing.push_back(id);
    }
    const bool went_back = set.revision < revision_;
    for (const std::string& id : missing) {
      gone(id, went_back ? RuleNews::What::lost : RuleNews::What::taken_away, now_ms, news);
    }
  }
  for (const std::string& id : set.removed) gone(id, RuleNews::What::taken_away, now_ms, news);
  for (const base::Rule& rule : set.rules) take(rule, news);
  revision_ = set.revision;
  return news;
}

void OwnRules::take(const base::Rule& rule, std::vector<RuleNews>& news) {
  if (!is_rule_id(rule.id)) return;
  const auto network = parse_network(rule.cidr);
  if (!network || rule_id_of(detector_, network->address) != rule.id) return;
  // 0 in a rule: it never expires.
  const std::int64_t until_ms =
      rule.expires_at_ms != 0 ? rule.expires_at_ms : std::numeric_limits<std::int64_t>::max();
  const auto known = seen_.find(rule.id);
  if (known != seen_.end() && known->second.until_ms == until_ms) return;
  if (known == seen_.end() && seen_.size() >= kOffendersMax) return;
  seen_[rule.id] = {network->address, until_ms};
  news.push_back({RuleNews::What::in_force, network->address, until_ms});
}

void OwnRules::gone(const std::string& id, RuleNews::What what, std::int64_t now_ms,
                    std::vector<RuleNews>& news) {
  const auto known = seen_.find(id);
  if (known == seen_.end()) return;
  const Seen rule = known->second;
  seen_.erase(known);
  if (rule.until_ms - kRemovalMarginMs <= now_ms) return;
  news.push_back({what, rule.address, rule.until_ms});
}

}  // namespace mlguard::ml_detector
