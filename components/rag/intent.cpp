#include "rag/intent.h"

#include <algorithm>
#include <array>

#include "rag/intent_model.h"
#include "rag/wish.h"

namespace mlguard::rag {
namespace {

using Found = std::optional<Intent>;

bool asks_count(const Words& words) {
  return words.any_phrase({"how many", "number of", "count of", "total of", "how often did",
                           "how often was", "how often were", "how often has"}) ||
         words.any({"count", "total"});
}
bool says_block(const Words& words) {
  return words.any({"block", "blocks", "blocked", "blocking", "ban", "banned", "bans", "drop",
                    "drops", "dropped", "dropping", "blacklisted", "denied", "deny"});
}
bool says_unblock(const Words& words) {
  const bool taken =
      words.any({"took", "taken", "take", "lifted", "lift"}) && words.any({"block", "ban", "rule"});
  return taken || words.any({"unblock", "unblocked", "unban", "unbanned"});
}
bool says_allow(const Words& words) {
  return words.any({"allow", "allowed", "allowlisted", "allowlist", "whitelist", "whitelisted",
                    "permitted", "exempt"});
}
bool says_rule(const Words& words) { return words.any({"rule", "rules"}); }
bool says_attack(const Words& words) {
  if (words.any_phrase({"hit us", "hits us", "hitting us", "came at us", "went after us"})) {
    return true;
  }
  return words.any({"detection", "detections", "detected", "attack", "attacks", "attacked",
                    "attacking", "alert", "alerts", "threat", "threats", "intrusion", "intrusions",
                    "incident", "incidents", "alarm", "alarms", "hits", "attempts"});
}
bool says_change(const Words& words) {
  return words.any({"change",  "changes",  "changed",   "changing", "raise",     "raising",
                    "lower",   "lowering", "increased", "increase", "decreased", "decrease",
                    "reduced", "bumped",   "modified",  "edited",   "altered",   "touched",
                    "updated", "raised",   "lowered",   "tweaked"});
}
bool says_end(const Words& words) {
  return words.any({"end", "ends", "expire", "expires", "expiring", "until", "till", "over",
                    "lifted", "left", "remaining", "expiry"}) ||
         words.any_phrase({"how long", "run out", "runs out", "when will", "unblocked again"});
}
bool says_why(const Words& words) {
  return words.any({"why", "reason", "cause", "because"}) ||
         words.any_phrase({"how come", "what for", "on what grounds", "what did it do"});
}
bool says_who(const Words& words) { return words.any({"who", "whom", "whose", "by whom"}); }
bool says_when(const Words& words) { return words.has("when") || words.phrase("since when"); }
bool says_config(const Words& words) {
  return words.any({"config", "configs", "conf", "cfg", "setting", "settings", "configured"});
}

Found about_address(const Slots& slots) {
  const Words& words = slots.words;
  const bool has_target = !slots.address.empty() || !slots.rule_id.empty();
  if (!has_target) return {};
  const bool passes = words.any_phrase({"get through", "get in", "reach us", "come through",
                                        "let in", "let through", "pass through"});
  const bool blocks = passes || says_block(words) || says_unblock(words) || says_allow(words) ||
                      says_rule(words) || words.any({"removed", "deleted", "added", "made"});
  const bool told = slots.address_said || slots.rule_said;
  if (says_why(words) && (blocks || told || words.size() <= 2)) return Intent::why_blocked;
  const bool did = slots.refers_back && words.any({"did", "done"});
  if (says_who(words) && (blocks || did)) return Intent::who_blocked;
  if (says_end(words) && (blocks || told || slots.refers_back)) return Intent::block_end;
  const bool ended = words.any({"removed", "deleted", "unblocked", "lifted"});
  if (told && ended && !says_why(words)) return Intent::timeline;
  if (asks_count(words) && (says_attack(words) || !slots.kind.empty())) {
    return Intent::detections_count;
  }
  const bool network = slots.address.find('/') != std::string::npos;
  const bool many = says_rule(words) || words.any({"addresses", "hosts", "blocks"});
  if (network && many) return asks_count(words) ? Intent::rules_count : Intent::rules_list;
  if (words.any({"happened", "happen", "timeline", "story", "history", "log", "events"}) ||
      words.any_phrase(
          {"tell me about", "what about", "know about", "going on", "everything on"})) {
    if (told || slots.refers_back) return Intent::timeline;
  }
  if (says_attack(words) || !slots.kind.empty()) {
    if (told || slots.refers_back) return Intent::detections_list;
  }
  if (says_unblock(words) && says_when(words)) return Intent::timeline;
  if (blocks && (told || slots.refers_back)) {
    return slots.rule_said && !slots.address_said && says_rule(words) ? Intent::rules_list
                                                                      : Intent::is_blocked;
  }
  if (!told) return {};
  return slots.component_said || says_config(words) ? Found{} : Found{Intent::timeline};
}

Found about_versions(const Slots& slots) {
  const Words& words = slots.words;
  const bool compares = words.any(
      {"diff", "difference", "differences", "compare", "differ", "differs", "different", "vs"});
  const bool component = !slots.components.empty();
  const bool since_version = slots.time && slots.time->since_version != 0;
  if (slots.versions.size() >= 2 || since_version) return Intent::config_diff;
  if (compares && (component || says_config(words))) return Intent::config_diff;
  if (slots.versions.size() == 1 && (says_change(words) || words.has("new")) && !says_who(words)) {
    return Intent::config_diff;
  }
  const bool versions = words.any({"versions", "history"});
  const bool last_version = words.any_phrase({"last version", "latest version", "newest version",
                                              "last change", "last config", "latest config"});
  if (component && last_version && says_change(words) && !says_who(words) && !says_when(words)) {
    return Intent::config_diff;
  }
  if (versions && (component || says_config(words)) && !slots.path_said)
    return Intent::config_history;
  if (versions && slots.path_said && !says_who(words)) return Intent::config_history;
  const bool which_version =
      words.has("version") && slots.versions.empty() && says_config(words) && !says_who(words);
  if (which_version) return Intent::config_history;
  return {};
}

Found about_authors(const Slots& slots) {
  const Words& words = slots.words;
  const bool acts = says_change(words) || words.any({"set", "put", "made", "rolled", "wrote",
                                                     "turned", "switched", "enabled", "disabled"});
  const bool subject = slots.path_said || !slots.components.empty() || says_config(words) ||
                       !slots.path.values.empty();
  const bool did = slots.refers_back && words.any({"did", "done"}) && says_who(words);
  if (!subject || !(acts || did)) return {};
  if (says_who(words) || words.phrase("by whom")) return Intent::config_author;
  if ((says_when(words) || says_why(words)) &&
      (slots.path_said || says_config(words) || slots.versions.size() == 1)) {
    return Intent::config_author;
  }
  return {};
}

Found about_cluster(const Slots& slots) {
  const Words& words = slots.words;
  const bool asks_docs = words.any({"work", "works"});
  if (asks_docs) return {};
  const bool acts = says_change(words) || says_who(words) || says_when(words) ||
                    words.any({"created", "create", "creates",  "issued",  "issue",   "made",
                               "joined",  "added",  "removed",  "revoked", "new",     "elected",
                               "current", "list",   "show",     "which",   "any",     "many",
                               "left",    "last",   "enrolled", "used",    "rotated", "announced"});
  const bool cluster =
      words.any({"leader", "leaders", "election", "elections", "member", "members", "node", "nodes",
                 "token", "tokens", "keys", "enrolled", "enrolments", "enrolment", "enroled",
                 "joined", "failover", "failovers"});
  return cluster && acts ? Found{Intent::cluster_changes} : Found{};
}

Found about_detections(const Slots& slots) {
  const Words& words = slots.words;
  const bool attacks = says_attack(words) || !slots.kind.empty();
  const bool who = words.any({"attacker", "attackers", "offender", "offenders", "attacks",
                              "attacking", "attacked", "sources", "source", "culprit", "culprits",
                              "noisiest", "targets", "target", "victim", "victims"});
  const bool most =
      words.any({"top", "most", "worst", "biggest", "busiest", "noisiest", "main", "frequent"});
  if (words.any({"offender", "offenders", "culprit", "culprits", "attackers"})) {
    return asks_count(words) ? Intent::detections_count : Intent::top_sources;
  }
  if (most && (attacks || who)) return Intent::top_sources;
  if (says_who(words) && (who || attacks || words.any_phrase({"attacking us", "hitting us"}))) {
    const bool last = words.any({"last", "latest"});
    return last ? Intent::latest_attack : Intent::top_sources;
  }
  if (words.any({"victim", "victims", "target", "targets"}) && !says_config(words)) {
    return Intent::top_sources;
  }
  if (!attacks || says_config(words)) return {};
  if (asks_count(words)) return Intent::detections_count;
  const bool latest = words.any({"last", "latest", "newest"}) ||
                      words.any_phrase({"most recent", "when was", "when did"});
  const bool plural =
      words.any({"attacks", "detections", "alerts", "threats", "incidents", "scans"});
  const bool one = !plural || words.any_phrase({"when was", "when did"});
  if (latest && one) return Intent::latest_attack;
  return Intent::detections_list;
}

// "How long are things blocked": by the configuration, when no address is named.
bool asks_ttl(const Slots& slots) {
  const Words& words = slots.words;
  return words.phrase("how long") && (says_rule(words) || says_block(words)) &&
         slots.address.empty() && slots.rule_id.empty();
}

Found about_rules(const Slots& slots) {
  const Words& words = slots.words;
  if (asks_ttl(slots)) return Intent::config_value;
  const bool counts_blocks = asks_count(words) && (says_block(words) || says_rule(words));
  if (counts_blocks && slots.path.score < 3) return Intent::rules_count;
  const bool rules = says_rule(words) || says_block(words) || says_unblock(words) ||
                     words.any({"blocklist", "blacklist", "allowlist", "whitelist", "allowlisted",
                                "whitelisted", "expiring"}) ||
                     (words.has("allowed") && words.any({"which", "what", "list", "show"}));
  if (!rules || slots.path_said || says_config(words)) return {};
  if (words.any({"requests", "request", "denied"})) return {};
  if (says_change(words) && !says_block(words)) return {};
  return asks_count(words) ? Intent::rules_count : Intent::rules_list;
}

Found about_changes(const Slots& slots) {
  const Words& words = slots.words;
  const bool missed = words.any_phrase({"did i miss", "have i missed", "i missed"});
  const bool happened = words.any({"happened", "happening", "news", "new"}) ||
                        words.any_phrase({"going on", "went on", "any changes"});
  if (missed) return Intent::changes_since;
  const bool came_or_went = words.any({"removed", "registered", "deleted", "unregistered", "added",
                                       "threw", "kicked", "remove", "delete"});
  if (slots.component_said && came_or_went && !says_config(words)) return Intent::timeline;
  if (says_change(words) || words.has("changelog")) {
    const bool one_config = !slots.components.empty() && !slots.time;
    if (one_config && (says_config(words) || slots.path_said || !says_who(words))) {
      return Intent::config_diff;
    }
    return Intent::changes_since;
  }
  if (!happened || slots.path_said) return {};
  if (!slots.components.empty()) return Intent::timeline;
  return slots.time || words.size() <= 4 ? Found{Intent::changes_since} : Found{};
}

Found about_health(const Slots& slots) {
  const Words& words = slots.words;
  const bool state =
      words.any({"healthy",   "health",  "alive",      "running", "ok",        "okay",
                 "fine",      "status",  "dead",       "late",    "stale",     "broken",
                 "offline",   "online",  "degraded",   "wrong",   "unhealthy", "crashed",
                 "reachable", "beating", "responding", "ill",     "sick",      "problem",
                 "problems",  "trouble", "doing",      "missing", "silent",    "issue",
                 "issues",    "gone",    "lost",       "silent"}) ||
      words.any({"up", "down"}) ||
      words.any_phrase({"is there", "all good", "all green", "still up", "under control"});
  const bool facts = words.any({"version", "address", "heartbeat", "seen", "uptime", "running",
                                "registered", "host", "beat", "installed", "counters"}) ||
                     words.any_phrase({"last heard", "heard from", "hear from"});
  const bool bad = words.any({"unhealthy", "dead", "late", "stale", "broken", "offline", "degraded",
                              "wrong", "problem", "problems", "sick", "trouble", "crashed",
                              "missing", "silent", "issues", "issue"}) ||
                   words.any_phrase({"is down", "are down", "not healthy", "not running", "not ok",
                                     "not working"});
  if (!slots.components.empty()) {
    const bool changes = says_change(words);
    if ((state || facts) && !slots.path_said && !changes && !says_config(words))
      return Intent::component_health;
    if (state && !says_config(words) && slots.component_said && !changes && slots.path.score < 3 &&
        !words.any({"on", "enabled"})) {
      return Intent::component_health;
    }
    if (words.any_phrase({"how is", "how are", "what about"}) && !slots.path_said) {
      return Intent::component_health;
    }
    return {};
  }
  const bool whole =
      words.any({"everything", "system", "overall", "all", "things", "cluster", "site"});
  if (bad && !words.phrase("everything ok")) return Intent::unhealthy;
  const bool which = words.any({"which", "who", "list", "any", "components", "component"});
  if (which && state && !whole) return Intent::unhealthy;
  if (words.any_phrase({"how are we", "how are things", "how is it going", "what is up",
                        "how is everything", "sitrep"}) ||
      words.any({"sitrep", "overview", "summary"})) {
    return Intent::status_overall;
  }
  if (state && !slots.path_said) return Intent::status_overall;
  return {};
}

Found about_config(const Slots& slots) {
  const Words& words = slots.words;
  const bool component = !slots.components.empty();
  if (slots.path_said) {
    constexpr double kSure = 2;
    const bool sure = slots.path.score >= kSure || component || says_config(words) ||
                      words.any({"value", "current", "show", "set"}) || words.size() <= 3;
    if (sure) return Intent::config_value;
  }
  if (says_config(words) && component) return Intent::config_value;
  if (component && slots.versions.size() == 1) return Intent::config_value;
  const bool of_last = slots.refers_back && !slots.path.values.empty();
  if (of_last && (slots.time || !slots.versions.empty() || words.any({"value", "was", "now"}))) {
    return Intent::config_value;
  }
  return {};
}

Found about_model(const Slots& slots) {
  const Words& words = slots.words;
  const bool asks = words.any({"model", "models"});
  if (!asks || slots.path.score >= 3 || says_who(words) || words.has("threshold")) return {};
  return Intent::model_info;
}

Found about_help(const Slots& slots) {
  const Words& words = slots.words;
  if (words.empty() || (words.size() <= 2 && words.any({"help", "hi", "hello", "commands"}))) {
    return Intent::help;
  }
  if (words.any_phrase({"what can you", "what do you know", "what can i ask", "who are you",
                        "what questions", "how can you help", "what are you"})) {
    return Intent::help;
  }
  return {};
}

Found about_people(const Slots& slots) {
  const Words& words = slots.words;
  if (words.any({"refused", "rejected", "refusals", "unauthorized", "unauthorised", "forbidden"}) ||
      (words.any({"denied"}) && slots.address.empty()) ||
      words.any_phrase({"permission denied", "not permitted", "failed logins"})) {
    return slots.words.starts_with({"why is a", "why are"}) && slots.components.empty() &&
                   !slots.time
               ? Found{}
               : Found{Intent::audit_refused};
  }
  const bool acts = words.any(
      {"do", "done", "did", "doing", "actions", "activity", "changes", "change", "changed", "up"});
  const bool counts_rules = asks_count(words) && (says_rule(words) || says_block(words));
  if (!slots.actor.empty() && acts && !counts_rules && !words.any({"miss", "missed"}) &&
      !says_who(words) && !slots.path_said) {
    return Intent::actor_actions;
  }
  return {};
}

Found about_components(const Slots& slots) {
  const Words& words = slots.words;
  const bool kind = !slots.components.empty() &&
                    words.any({"sensors", "sniffers", "firewalls", "detectors", "probes"});
  const bool one = slots.component_said && words.has("component") && !words.has("components");
  const bool all = (!one && words.any({"components", "agents", "component"})) ||
                   (kind && (asks_count(words) || words.any({"list", "which", "what"})));
  const bool asks = words.any(
      {"list", "which", "what", "show", "all", "registered", "many", "have", "there", "connected"});
  const bool other = says_config(words) || slots.path_said || says_change(words);
  return all && asks && !other ? Found{Intent::components_list} : Found{};
}

constexpr std::array<const char*, kIntents> kIntentNames = {
    "status_overall", "unhealthy",      "component_health", "components_list",  "config_value",
    "config_author",  "config_history", "config_diff",      "why_blocked",      "is_blocked",
    "block_end",      "who_blocked",    "timeline",         "rules_list",       "rules_count",
    "changes_since",  "top_sources",    "detections_list",  "detections_count", "latest_attack",
    "model_info",     "audit_refused",  "actor_actions",    "cluster_changes",  "help",
    "propose",        "act_refused",    "passages"};

// How much more a rule's word counts than the examples' (in logarithms of probability), and what
// the rules' silence counts. docs/rag.md has the measurement.
constexpr double kRuleSays = 2;
constexpr double kRulesAreSilent = 1;
// Of so few words, that a rule knows one of them says most.
constexpr double kRuleSaysOfFewWords = 4;
constexpr std::size_t kFewWordsMax = 3;

// What the answer of the intent cannot do without.
bool has_its_subject(Intent intent, const Slots& slots) {
  const bool target = !slots.address.empty() || !slots.rule_id.empty();
  switch (intent) {
    case Intent::why_blocked:
    case Intent::is_blocked:
    case Intent::block_end:
    case Intent::who_blocked: return target;
    case Intent::component_health: return !slots.components.empty();
    case Intent::actor_actions: return !slots.actor.empty();
    case Intent::config_value:
    case Intent::config_author:
    case Intent::config_history:
    case Intent::config_diff: return !slots.path.values.empty() || !slots.components.empty();
    case Intent::timeline: return target || !slots.components.empty();
    // A question is no order.
    case Intent::act_refused:
      return !slots.words.starts_with(
          {"who", "what", "when", "why", "if", "which", "how", "where"});
    default: return true;
  }
}

}  // namespace

const char* to_string(Intent intent) { return kIntentNames[static_cast<std::size_t>(intent)]; }

std::optional<Intent> intent_named(std::string_view name) {
  const auto found = std::find(kIntentNames.begin(), kIntentNames.end(), name);
  if (found == kIntentNames.end()) return std::nullopt;
  return static_cast<Intent>(found - kIntentNames.begin());
}

bool asks_documentation(const Slots& slots) {
  const Words& words = slots.words;
  if (slots.address_said || slots.rule_said) return false;
  if (words.starts_with({"how do i",
                         "how do you",
                         "how do we",
                         "how can i",
                         "how can we",
                         "how to",
                         "how should",
                         "how would",
                         "what is a",
                         "what is an",
                         "what are the steps",
                         "explain how",
                         "can i",
                         "why would",
                         "why should",
                         "can the",
                         "can it",
                         "what happens when",
                         "what happens if",
                         "what if",
                         "when should",
                         "what kind",
                         "what kinds",
                         "should i",
                         "how do",
                         "how does"})) {
    return true;
  }
  const bool where = words.starts_with({"where do", "where does", "where is", "where are"});
  const bool kept = words.phrase("how long") && words.any({"kept", "stored", "keep", "remembered"});
  if ((where && !slots.component_said) || kept) return true;
  const bool never = words.phrase("never block") || words.phrase("never blocks");
  if (never && !words.any({"allowlist", "whitelist", "rules"})) return true;
  const bool anywhere =
      words.any_phrase({"how do i", "how can i", "how do we", "how can we", "how do the",
                        "how does the", "what should i", "what do i do"});
  const bool in_general =
      words.starts_with({"does the", "do the", "do blocks", "do rules", "if", "when a", "when the",
                         "does", "do"}) &&
      words.any({"notice", "notices", "stay",    "survive", "survives", "look",    "remember",
                 "lose",   "loses",   "recover", "keep",    "keeps",    "happens", "happen",
                 "use",    "uses",    "store",   "stores",  "encrypt",  "crashes", "dies",
                 "killed", "dead",    "still",   "lost",    "gone"});
  if (anywhere || in_general) return true;
  if (asks_count(words)) return false;
  const bool asks_how = words.starts_with({"how are", "how is", "how often"}) &&
                        words.size() >= 5 && !says_config(words) &&
                        !words.any({"things", "we", "doing", "everything", "going", "today"});
  if (asks_how) return true;
  if (words.any({"mean", "means", "meaning", "explain", "purpose"}) && !slots.path_said)
    return true;
  return words.any_phrase({"mean by", "does it work", "what does", "what do", "what can"}) &&
         words.any({"mean", "means", "do", "never", "miss", "see", "need", "know", "keep", "send",
                    "store", "protect", "read", "promise"}) &&
         slots.actor.empty() && !slots.path_said;
}

Intent recognise_by_rules(const Slots& slots) {
  if (const auto found = about_help(slots)) return *found;
  if (const auto wish = read_wish(slots)) {
    return wish->kind == WishKind::refused ? Intent::act_refused : Intent::propose;
  }
  if (asks_documentation(slots)) return Intent::passages;
  // The narrower before the wider: each takes only what it is sure of.
  for (const auto about : {about_address, about_people, about_model, about_versions, about_authors,
                           about_cluster, about_detections, about_changes, about_health,
                           about_components, about_rules, about_config}) {
    if (const auto found = about(slots)) return *found;
  }
  return Intent::passages;
}

Intent recognise(const Slots& slots) {
  const Intent by_rules = recognise_by_rules(slots);
  if (slots.words.empty()) return by_rules;
  IntentScores scores = IntentModel::shipped().scores(compared_words(slots));
  const double says = slots.words.size() <= kFewWordsMax ? kRuleSaysOfFewWords : kRuleSays;
  const bool silent = by_rules == Intent::passages && !asks_documentation(slots);
  scores[static_cast<std::size_t>(by_rules)] += silent ? kRulesAreSilent : says;
  Intent best = by_rules;
  for (std::size_t i = 0; i < kIntents; ++i) {
    const auto intent = static_cast<Intent>(i);
    const bool better = scores[i] > scores[static_cast<std::size_t>(best)];
    // What the rules refuse to do is never proposed because it is like something that may be.
    const bool refused = by_rules == Intent::act_refused && intent == Intent::propose;
    if (better && !refused && has_its_subject(intent, slots)) best = intent;
  }
  // Who names an address wants to know about it, however it was said.
  const bool names_one = slots.address_said || slots.rule_said;
  return best == Intent::passages && names_one ? Intent::timeline : best;
}

}  // namespace mlguard::rag
