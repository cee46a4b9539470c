// Rules by source, network, time and end: listed and counted.
#include <algorithm>

#include "rag/record_view.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kRulesSaid = 12;
constexpr std::int64_t kSoonMs = 3'600'000;

enum class Which { live, made, ended };

// What was asked for, as a filter and in words.
struct RuleSelection {
  Filter filter;
  Which which = Which::live;
  bool soon = false;      // those that end first
  bool for_good = false;  // those without an end
  std::string action;     // "drop" or "allow"; empty: both
  std::string said;       // "rules in force by alice"
};

RuleSelection rule_selection_of(const Asked& asked) {
  const Words& words = asked.slots.words;
  const Slots& slots = asked.slots;
  RuleSelection selection;
  Filter& filter = selection.filter;
  filter.tables = {Table::rule};
  filter.limit = kFindMax;
  filter.address = slots.address;
  if (slots.address.empty()) filter.key = slots.rule_id;
  // Of the components, only detectors make rules; "the firewall's rules" are all of them.
  const bool by_detector = slots.component().starts_with("ml-detector");
  if (by_detector) filter.actor = slots.component();
  if (!slots.actor.empty()) filter.actor = slots.actor;
  selection.for_good =
      words.any({"permanent", "permanently", "forever", "endless"}) ||
      words.any_phrase({"never expire", "never end", "never expires", "never ends", "without end",
                        "without expiry", "for good", "do not expire", "does not expire"});
  selection.soon = !selection.for_good &&
                   words.any({"expire", "expires", "expiring", "ending", "soon", "next", "end"});
  const bool never_blocked = words.has("never") && !selection.for_good;
  if (never_blocked ||
      words.any({"allow", "allowed", "allowlist", "allowlisted", "whitelist", "whitelisted"})) {
    selection.action = "allow";
  } else if (words.any({"block", "blocked", "blocks", "blocking", "banned", "blocklist", "drop"})) {
    selection.action = "drop";
  }
  const bool gone = words.any({"unblocked", "removed", "expired", "ended", "deleted", "lifted"});
  if (gone) {
    selection.which = Which::ended;
  } else if (slots.time && !selection.soon) {
    selection.which = Which::made;
    put_time(slots, filter);
  }
  if (selection.which == Which::live) filter.in_force_at_ms = asked.now_ms();
  filter.kind = selection.action;
  const std::string kind = selection.action == "allow"  ? "allow rules"
                           : selection.action == "drop" ? "block rules"
                                                        : "rules";
  selection.said = kind;
  if (selection.for_good) selection.said += " without an end";
  if (!filter.address.empty()) selection.said += " for " + filter.address;
  if (!filter.actor.empty()) selection.said += " by " + filter.actor;
  if (selection.which == Which::live) selection.said += " in force";
  if (selection.which == Which::made) selection.said += " made" + said_time(slots);
  if (selection.which == Which::ended) selection.said += " that ended" + said_time(slots);
  return selection;
}

bool fits(const Asked& asked, const RuleSelection& selection, const Record& rule) {
  if (selection.which != Which::ended) return true;
  if (rule.ends_at_ms == 0 || rule.ends_at_ms > asked.now_ms()) return false;
  const auto& time = asked.slots.time;
  if (time && time->from_ms && rule.ends_at_ms < *time->from_ms) return false;
  return !(time && time->until_ms && rule.ends_at_ms >= *time->until_ms);
}

Result<std::vector<Record>> select(const Asked& asked, const RuleSelection& selection) {
  auto found = asked.index.find(selection.filter);
  if (!found.ok()) return found;
  std::erase_if(*found, [&](const Record& rule) { return !fits(asked, selection, rule); });
  if (selection.for_good) {
    std::erase_if(*found, [](const Record& rule) { return rule.ends_at_ms != 0; });
  }
  if (selection.soon) {
    std::erase_if(*found, [](const Record& rule) { return rule.ends_at_ms == 0; });
    std::stable_sort(found->begin(), found->end(),
                     [](const Record& a, const Record& b) { return a.ends_at_ms < b.ends_at_ms; });
  }
  return found;
}

void say_rule_line(Draft& draft, const Record& rule) {
  std::string sentence = short_network(rule.address) + " is " + verdict_of(rule);
  if (!is_live(rule, draft.now_ms())) {
    sentence = short_network(rule.address) + " was " + verdict_of(rule) + " until " +
               draft.when(rule.ends_at_ms);
    if (!rule.related.empty()) sentence += ", removed by " + one_line(rule.related);
  } else {
    sentence +=
        rule.ends_at_ms == 0 ? std::string(" for good") : " until " + draft.when(rule.ends_at_ms);
  }
  sentence += ", by " + one_line(rule.actor) + " (rule " + rule.key + ")";
  const std::string reason = told(rule, "Reason");
  if (!reason.empty()) sentence += ": " + one_line(reason);
  draft.say(sentence + ".", {draft.cite(rule)});
}

std::string count_sentence(const Asked& asked, const RuleSelection& selection,
                           const std::vector<Record>& rules) {
  std::string text = std::to_string(rules.size()) + " " + selection.said;
  if (selection.soon) {
    const auto within = std::count_if(rules.begin(), rules.end(), [&](const Record& rule) {
      return rule.ends_at_ms <= asked.now_ms() + kSoonMs;
    });
    text += " with an end; within the next hour end: " + std::to_string(within);
  }
  return text + ".";
}

}  // namespace

Status answer_rules(const Asked& asked, Draft& draft) {
  const RuleSelection selection = rule_selection_of(asked);
  const auto rules = select(asked, selection);
  if (!rules.ok()) return rules.error();
  draft.subject.address = asked.slots.address;
  if (rules->empty()) {
    say_none(draft, selection.said, "There are no " + selection.said + ".");
    return {};
  }
  const std::string sentence = count_sentence(asked, selection, *rules);
  Cited cited = {draft.cite_count(selection.said, sentence)};
  constexpr std::size_t kRulesCited = 3;
  if (asked.intent == Intent::rules_count) {
    for (const std::size_t number : draft.cite_all(*rules, kRulesCited)) cited.push_back(number);
  }
  draft.say(sentence, cited);
  const std::size_t most = asked.intent == Intent::rules_count ? kRulesCited : kRulesSaid;
  for (std::size_t i = 0; i < rules->size() && i < most; ++i) say_rule_line(draft, (*rules)[i]);
  if (rules->size() == 1) {
    draft.subject.address = short_network(rules->front().address);
    draft.subject.rule_id = rules->front().key;
  }
  if (rules->size() > most) draft.say("All of them: ml-guard rules list", {cited.front()});
  return {};
}

}  // namespace mlguard::rag
