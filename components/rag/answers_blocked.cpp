// Why an address is blocked, whether it is, until when, and by whom.
#include <algorithm>

#include "rag/covering.h"
#include "rag/explanation.h"
#include "rag/record_view.h"
#include "rag/vocabulary.h"

namespace mlguard::rag {
namespace {

using base::Status;

std::string target_of(const Asked& asked) {
  return asked.slots.address.empty() ? "the rule " + asked.slots.rule_id : asked.slots.address;
}

std::string until_text(const Draft& draft, const Record& rule) {
  return rule.ends_at_ms == 0 ? "for good" : "until " + draft.when(rule.ends_at_ms);
}

// What was asked for, of the rule that decides: an address inside its network, or the network.
std::string decided(const Asked& asked, const Record& rule) {
  const std::string network = short_network(rule.address);
  if (asked.slots.address.empty() || network == asked.slots.address) return network;
  return asked.slots.address + " (in " + network + ")";
}

// An address inside a rule's network stands in no record: what it was compared with is cited, too.
Cited cite_rule(const Asked& asked, Draft& draft, const Record& rule) {
  Cited cited = {draft.cite(rule)};
  const std::string network = short_network(rule.address);
  if (!asked.slots.address.empty() && network != asked.slots.address) {
    cited.push_back(draft.cite_count("rules for " + asked.slots.address,
                                     asked.slots.address + " and the network " + network +
                                         " of the rule " + rule.key + " hold one another."));
  }
  return cited;
}

void say_reason(Draft& draft, const Record& rule) {
  const std::string reason = told(rule, "Reason");
  if (!reason.empty())
    draft.say("The reason given: \"" + one_line(reason) + "\".", {draft.cite(rule)});
}

Status say_detection(const Asked& asked, Draft& draft, const Record& rule) {
  const auto behind = detection_behind(asked, rule);
  if (!behind.ok()) return behind.error();
  if (!*behind) return {};
  const Record& detection = **behind;
  const std::size_t cited = draft.cite(detection);
  std::string sentence =
      "It followed a " + attack_name(detection.kind) + " from " + detection.address;
  if (!detection.destination.empty()) sentence += " against " + detection.destination;
  sentence += ", score " + figure_text(detection.score) + ", " + draft.when(detection.at_ms);
  draft.say(sentence + ".", {cited});
  const std::string explanation = explanation_of(detection);
  if (!explanation.empty()) draft.say(explanation + ".", {cited});
  draft.say("More: ml-guard detections explain " + detection.key, {cited});
  return {};
}

Status say_in_force(const Asked& asked, Draft& draft, const Record& rule) {
  const auto places = in_force(asked, rule);
  if (!places.ok()) return places.error();
  for (const InForce& place : *places) {
    draft.say(place.sentence, {draft.cite(place.firewall), draft.cite(rule)});
  }
  return {};
}

void say_rule(const Asked& asked, Draft& draft, const Record& rule) {
  draft.say(decided(asked, rule) + " is " + verdict_of(rule) + " " + until_text(draft, rule) +
                ", by the rule " + rule.key + " of " + one_line(rule.actor) + ", made " +
                draft.when(rule.at_ms) + ".",
            cite_rule(asked, draft, rule));
}

std::string removed_by(const Record& rule) {
  return rule.related.empty() ? std::string() : ", removed by " + one_line(rule.related);
}

// Not covered by any rule: said exactly, with the last rule and why the last detection blocked
// nothing.
Status say_not_blocked(const Asked& asked, Draft& draft, const Covering& covering) {
  const std::string target = target_of(asked);
  for (const Record& list : covering.allowlists) {
    draft.say(target + " is on the allowlist of " + list.component + " (" + list.path +
                  "): it is never blocked.",
              {draft.cite(list), draft.cite_count("rules for " + target, target + ": looked up.")});
  }
  const std::string none = target + " is not blocked: no rule covers it.";
  const std::size_t count = draft.cite_count("rules for " + target, none);
  draft.say(none, {count});
  if (!covering.ended.empty()) {
    const Record& last = covering.ended.front();
    draft.say("The last rule, " + last.key + " of " + one_line(last.actor) + ", ended " +
                  draft.when(last.ends_at_ms) + removed_by(last) + ".",
              {draft.cite(last)});
  }
  if (asked.slots.address.empty()) return {};
  Filter filter;
  filter.tables = {Table::detection};
  filter.address = asked.slots.address;
  const auto latest = newest(asked.index, filter);
  if (!latest.ok()) return latest.error();
  if (!*latest) {
    say_none(draft, "detections of " + target, "Nothing was detected of " + target + ".");
    return {};
  }
  const Record& one = **latest;
  std::string sentence = "The latest detection is a " + attack_name(one.kind) + " from " +
                         one.address + ", score " + figure_text(one.score) + ", " +
                         draft.when(one.at_ms);
  const std::string why = not_blocked_because(one);
  if (!why.empty()) sentence += "; nothing was blocked because " + why;
  draft.say(sentence + ".", {draft.cite(one)});
  return {};
}

Status say_why(const Asked& asked, Draft& draft, const Covering& covering) {
  const Record& rule = covering.live.front();
  say_rule(asked, draft, rule);
  say_reason(draft, rule);
  if (rule.value != "allow") {
    auto said = say_detection(asked, draft, rule);
    if (said.ok()) said = say_in_force(asked, draft, rule);
    if (!said.ok()) return said;
  }
  draft.say("To undo it: ml-guard rules rm " + rule.key, {draft.cite(rule)});
  return {};
}

Status say_is_blocked(const Asked& asked, Draft& draft, const Covering& covering) {
  const Record& rule = covering.live.front();
  const bool blocked = rule.value != "allow";
  draft.say(std::string(blocked ? "Yes: " : "No: ") + decided(asked, rule) + " is " +
                verdict_of(rule) + " " + until_text(draft, rule) + ", by the rule " + rule.key +
                " of " + one_line(rule.actor) + ".",
            cite_rule(asked, draft, rule));
  say_reason(draft, rule);
  if (blocked) return say_in_force(asked, draft, rule);
  const bool overruled = covering.live.back().value != "allow";
  if (overruled) {
    const Record& other = covering.live.back();
    draft.say("The rule " + other.key + " would block it, but an allow rule wins.",
              {draft.cite(other), draft.cite(rule)});
  }
  return {};
}

void say_end(const Asked& asked, Draft& draft, const Covering& covering) {
  const Record& rule = covering.live.front();
  const std::string what = decided(asked, rule) + " is " + verdict_of(rule) + " ";
  draft.say(what + until_text(draft, rule) + ".", cite_rule(asked, draft, rule));
  if (rule.ends_at_ms == 0) {
    draft.say("It ends when somebody removes it: ml-guard rules rm " + rule.key,
              {draft.cite(rule)});
  }
}

Status say_removal(const Asked& asked, Draft& draft, const Record& rule) {
  Filter filter;
  filter.tables = {Table::audit};
  filter.kind_prefix = "rules.";
  filter.limit = kFindMax;
  filter.from_ms = rule.at_ms;
  const auto audit = asked.index.find(filter);
  if (!audit.ok()) return audit.error();
  for (const Record& one : *audit) {
    const bool names = one.path.find(rule.key) != std::string::npos ||
                       one.text.find(rule.key) != std::string::npos;
    if (!names || one.kind == "rules.put") continue;
    draft.say("The rule " + rule.key + " was " +
                  (one.kind == "rules.expire" ? std::string("ended by its expiry")
                                              : "removed by " + one_line(one.actor)) +
                  ", " + draft.when(one.at_ms) + ".",
              {draft.cite(one)});
    return {};
  }
  if (rule.ends_at_ms != 0) {
    draft.say(
        "The rule " + rule.key + " ended " + draft.when(rule.ends_at_ms) + removed_by(rule) + ".",
        {draft.cite(rule)});
  }
  return {};
}

Status say_who(const Asked& asked, Draft& draft, const Covering& covering) {
  const Words& words = asked.slots.words;
  const bool taken_off =
      words.any({"took", "taken", "take"}) && words.any({"off", "away", "out", "down"});
  const bool removal =
      taken_off || words.any({"unblocked", "unblock", "removed", "unbanned", "deleted", "lifted"});
  std::vector<Record> rules = covering.live;
  rules.insert(rules.end(), covering.ended.begin(), covering.ended.end());
  if (removal) {
    if (covering.ended.empty()) {
      say_none(draft, "ended rules for " + target_of(asked),
               "Nobody did: no rule for " + target_of(asked) + " was removed.");
      return {};
    }
    rules = {covering.ended.front()};
    const auto said = say_removal(asked, draft, rules.front());
    if (!said.ok()) return said;
  }
  const Record& rule = rules.front();
  draft.say(one_line(rule.actor) + " made the rule " + rule.key + " for " +
                short_network(rule.address) + ", " + draft.when(rule.at_ms) + ".",
            {draft.cite(rule)});
  say_reason(draft, rule);
  return removal ? Status{} : say_detection(asked, draft, rule);
}

// "Why was it not blocked": of the newest detection that led to no rule.
Status say_why_not(const Asked& asked, Draft& draft, bool& said) {
  Filter filter;
  filter.tables = {Table::detection};
  filter.address = asked.slots.address;
  put_time(asked.slots, filter);
  const auto found = asked.index.find(filter);
  if (!found.ok()) return found.error();
  for (const Record& one : *found) {
    const std::string why = not_blocked_because(one);
    if (why.empty() || one.address != asked.slots.address) continue;
    said = true;
    Cited cited = {draft.cite(one)};
    std::string sentence = one.address + " was not blocked for the " + attack_name(one.kind) +
                           " with score " + figure_text(one.score) + ", " + draft.when(one.at_ms) +
                           ", because " + why;
    const auto values = values_at(asked.index, "ml-detector", asked.now_ms());
    if (!values.ok()) return values.error();
    for (const Record& value : *values) {
      const bool limit =
          value.path == "thresholds.block" || value.path == "thresholds.block_by_model";
      if (!limit || why.find("low_score") == std::string::npos) continue;
      sentence += "; " + value.path + " is " + one_line(value.value);
      cited.push_back(draft.cite(value));
    }
    draft.say(sentence + ".", cited);
    return {};
  }
  return {};
}

}  // namespace

Status answer_blocked(const Asked& asked, Draft& draft) {
  const auto found = covering(asked);
  if (!found.ok()) return found.error();
  draft.subject.address = asked.slots.address;
  draft.subject.rule_id = asked.slots.rule_id;
  if (!found->live.empty()) {
    draft.subject.rule_id = found->live.front().key;
    if (draft.subject.address.empty()) {
      draft.subject.address = short_network(found->live.front().address);
    }
  }
  const bool who = asked.intent == Intent::who_blocked;
  if (asked.intent == Intent::why_blocked && asked.slots.words.any({"not", "never"})) {
    bool told_why = false;
    const auto said = say_why_not(asked, draft, told_why);
    if (!said.ok()) return said;
    if (told_why && found->live.empty()) return {};
  }
  if (who && !(found->live.empty() && found->ended.empty())) return say_who(asked, draft, *found);
  if (found->live.empty()) return say_not_blocked(asked, draft, *found);
  switch (asked.intent) {
    case Intent::why_blocked: return say_why(asked, draft, *found);
    case Intent::block_end: say_end(asked, draft, *found); return {};
    default: return say_is_blocked(asked, draft, *found);
  }
}

}  // namespace mlguard::rag
