// Wishes become proposals: a value, a rollback, a rule, a model. Nothing else is ever proposed, and
// nothing is done here. What a proposal says comes from the question's own words and from what the
// index says is there now; a record's text never adds to it.
#include <algorithm>
#include <array>

#include "base/time_format.h"
#include "rag/covering.h"
#include "rag/network_key.h"
#include "rag/proposed_value.h"
#include "rag/record_view.h"
#include "rag/wish.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::int64_t kTtlMsMin = 1'000;
constexpr std::int64_t kTtlMsMax = 365LL * 24 * 3'600'000;

void refuse(Draft& draft, const std::string& sentence, const std::string& look) {
  draft.say(sentence, {});
  if (!look.empty()) draft.say("What a person would use: " + look, {});
}

std::string diff_text(const std::string& name, const std::string& before,
                      const std::string& after) {
  std::string text = "--- " + name + "\n+++ " + name + "\n";
  if (!before.empty()) text += "-" + before + "\n";
  if (!after.empty()) text += "+" + after + "\n";
  return text;
}

Result<std::optional<Record>> active_version(const Asked& asked, const std::string& component) {
  Filter filter;
  filter.tables = {Table::config_version};
  filter.component = component;
  filter.in_force_at_ms = asked.now_ms();
  return newest(asked.index, filter);
}

// The words as they were typed, from a lower-case word on: names may have capitals.
std::string as_typed(const std::string& question, const std::string& lower_word) {
  std::string lower = question;
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  const std::size_t at = lower.rfind(lower_word);
  return at == std::string::npos ? lower_word : question.substr(at, lower_word.size());
}

std::string typed_value(const Asked& asked, const Wish& wish, const Record& value) {
  // "Switch it to dry_run": what is switched on is its name.
  const std::string leaf = value.path.substr(value.path.rfind('.') + 1);
  if (wish.value == leaf && (value.value == "true" || value.value == "false")) return "true";
  std::string typed = as_typed(asked.question.text, wish.value);
  // "to 2 hours" of a value in seconds.
  const Words& words = asked.slots.words;
  std::size_t place = 0;
  while (place < words.size() && words.at(place) != wish.value) ++place;
  std::size_t used = 0;
  const auto length = duration_at(words, place, used);
  constexpr std::int64_t kSecondMs = 1'000;
  if (length && value.path.ends_with("_s")) return std::to_string(*length / kSecondMs);
  if (length && value.path.ends_with("_ms")) return std::to_string(*length);
  if (typed.ends_with("%")) typed.pop_back();
  return typed;
}

bool goes_the_way(Direction direction, const std::string& before, const std::string& after) {
  if (direction == Direction::none) return true;
  const double old_number = std::strtod(before.c_str(), nullptr);
  const double new_number = std::strtod(after.c_str(), nullptr);
  return direction == Direction::up ? new_number > old_number : new_number < old_number;
}

// The configuration's version that a change is made against: a default belongs to the active one.
Result<std::uint64_t> version_of(const Asked& asked, const Record& value) {
  if (value.table != Table::doc) return value.version;
  const auto active = active_version(asked, value.component);
  if (!active.ok()) return active.error();
  return *active ? (*active)->version : std::uint64_t{0};
}

std::string present_text(const Record& value) {
  const std::string what = value.path + " of " + value.component + " is ";
  if (value.table == Table::doc)
    return what + "not set; the default is " + one_line(value.value) + ".";
  return what + one_line(value.value) + " in version " + std::to_string(value.version) + ".";
}

Status propose_value(const Asked& asked, const Wish& wish, Draft& draft) {
  const std::vector<Record>& values = asked.slots.path.values;
  if (values.empty()) {
    refuse(draft, "I cannot tell which value is meant. Name the component and the value.",
           "ml-guard config get COMPONENT");
    return {};
  }
  const Record& value = values.front();
  draft.subject.component = value.component;
  draft.subject.path = value.path;
  const std::size_t cited = draft.cite(value);
  const auto version = version_of(asked, value);
  if (!version.ok()) return version.error();
  draft.say(present_text(value), {cited});
  if (wish.value.empty()) {
    refuse(draft, "Say the value that it shall have, such as: set it to " + one_line(value.value),
           "");
    return {};
  }
  const auto range = documented_range(asked.index, value.component, value.path);
  if (!range.ok()) return range.error();
  const auto made = value_like(value.value, typed_value(asked, wish, value), *range);
  if (!made.ok()) {
    Cited why = {cited};
    if (*range) why.push_back(draft.cite((*range)->doc));
    draft.say(
        "I cannot propose " + one_line(wish.value) + ": " + one_line(made.error().message) + ".",
        why);
    return {};
  }
  if (*made == value.value) {
    draft.say("It has that value already; nothing needs to change.", {cited});
    return {};
  }
  if (!goes_the_way(wish.direction, value.value, *made)) {
    draft.say("That would " + std::string(wish.direction == Direction::up ? "lower" : "raise") +
                  " it. Say which is meant: set it to " + one_line(*made),
              {cited});
    return {};
  }
  wire::Proposal proposal;
  proposal.action = "config.set";
  proposal.arguments = {{"component", value.component}, {"path", value.path}, {"value", *made}};
  proposal.command = "ml-guard config set " + shell_quoted(value.component) + " " +
                     shell_quoted(value.path) + " " + shell_quoted(*made);
  proposal.diff = diff_text(value.component + " " + value.path, value.path + ": " + value.value,
                            value.path + ": " + *made);
  proposal.expected_version = *version;
  draft.say("To make it " + one_line(*made) + ": " + proposal.command, {cited});
  draft.proposal = std::move(proposal);
  return {};
}

Status propose_rollback(const Asked& asked, Draft& draft) {
  const std::string component = asked.slots.component();
  const auto active = active_version(asked, component);
  if (!active.ok()) return active.error();
  draft.subject.component = component;
  if (!*active) {
    say_none(draft, "config " + component, "There is no configuration of " + component + ".");
    return {};
  }
  const std::uint64_t now = (*active)->version;
  const std::uint64_t to = asked.slots.versions.empty() ? now - 1 : asked.slots.versions.front();
  Filter filter;
  filter.tables = {Table::config_version};
  filter.component = component;
  filter.version = to;
  const auto target = newest(asked.index, filter);
  if (!target.ok()) return target.error();
  const std::size_t cited = draft.cite(**active);
  if (to == now) {
    draft.say("Version " + std::to_string(now) + " of " + component + " is in force already.",
              {cited});
    return {};
  }
  if (to == 0 || !*target) {
    draft.say("I cannot propose that: " + component + " is at version " + std::to_string(now) +
                  ", and the version asked for is not there. See: ml-guard config history " +
                  component,
              {cited});
    return {};
  }
  wire::Proposal proposal;
  proposal.action = "config.rollback";
  proposal.arguments = {{"component", component}, {"version", std::to_string(to)}};
  proposal.command =
      "ml-guard config rollback " + shell_quoted(component) + " " + std::to_string(to);
  proposal.diff = diff_text(component, "version " + std::to_string(now) + " in force",
                            "version " + std::to_string(to) + " in force again");
  proposal.expected_version = now;
  draft.say(component + " is at version " + std::to_string(now) + "; version " +
                std::to_string(to) + " was put by " + one_line((*target)->actor) + ", " +
                draft.when((*target)->at_ms) + ".",
            {cited, draft.cite(**target)});
  draft.say("To go back: " + proposal.command, {cited, draft.cite(**target)});
  draft.proposal = std::move(proposal);
  return {};
}

// Shorter prefixes than these hold whole providers: never proposed.
bool is_too_broad(const std::string& network) {
  constexpr unsigned kIpv4BitsMin = 8;
  constexpr unsigned kIpv6BitsMin = 16;
  const auto key = parse_network_key(network);
  if (!key) return true;
  const std::string text = to_text(*key);
  const std::size_t slash = text.find('/');
  const unsigned long bits =
      slash == std::string::npos ? 128 : std::strtoul(text.c_str() + slash + 1, nullptr, 10);
  return bits < (is_ipv4(*key) ? kIpv4BitsMin : kIpv6BitsMin);
}

// "2h", "30m", "45s": the shortest form that says the same.
std::string ttl_text(std::int64_t ttl_ms) {
  constexpr std::int64_t kSecondMs = 1'000;
  constexpr std::array<std::pair<std::int64_t, const char*>, 3> kUnits = {
      {{24 * 3'600 * kSecondMs, "d"}, {3'600 * kSecondMs, "h"}, {60 * kSecondMs, "m"}}};
  for (const auto& [unit, name] : kUnits) {
    if (ttl_ms % unit == 0) return std::to_string(ttl_ms / unit) + name;
  }
  return std::to_string(ttl_ms / kSecondMs) + "s";
}

void say_present(const Asked& asked, Draft& draft, const Covering& there) {
  const std::string& network = asked.slots.address;
  if (there.live.empty()) {
    say_none(draft, "rules for " + network, "No rule covers " + network + " now.");
  } else {
    const Record& rule = there.live.front();
    draft.say(short_network(rule.address) + " is " + verdict_of(rule) +
                  (rule.ends_at_ms == 0 ? std::string(" for good")
                                        : " until " + draft.when(rule.ends_at_ms)) +
                  " already, by the rule " + rule.key + ".",
              {draft.cite(rule)});
  }
  for (const Record& list : there.allowlists) {
    draft.say(network + " is on the allowlist of " + list.component + " (" + list.path +
                  "): blocking it would do nothing there.",
              {draft.cite(list),
               draft.cite_count("rules for " + network, "Looked up: " + network + ".")});
  }
}

Status propose_rule(const Asked& asked, const Wish& wish, Draft& draft) {
  const bool allow = wish.kind == WishKind::allow;
  std::string network = asked.slots.address;
  const auto there = covering(asked);
  if (!there.ok()) return there.error();
  if (network.empty() && !there->live.empty()) network = short_network(there->live.front().address);
  draft.subject.address = network;
  if (!asked.slots.no_address.empty() && !asked.slots.address_said) {
    refuse(draft, one_line(asked.slots.no_address) + " is no address.", "");
    return {};
  }
  if (network.empty()) {
    refuse(draft, "I cannot tell which address is meant.", "ml-guard rules add ADDRESS");
    return {};
  }
  if (is_too_broad(network)) {
    refuse(draft,
           "I do not propose a rule for " + network +
               ": it is so wide that it would cut off, or let in, whole providers.",
           "ml-guard rules add --help");
    return {};
  }
  if (wish.until_said || wish.ttl_ms > kTtlMsMax || (wish.ttl_ms != 0 && wish.ttl_ms < kTtlMsMin)) {
    refuse(draft, "Say how long, such as: for 2 hours.", "");
    return {};
  }
  say_present(asked, draft, *there);
  wire::Proposal proposal;
  proposal.action = "rules.add";
  proposal.arguments = {{"network", network}, {"rule_action", allow ? "allow" : "drop"}};
  proposal.command = "ml-guard rules add " + shell_quoted(network);
  if (wish.ttl_ms != 0) {
    proposal.arguments.emplace_back("ttl", ttl_text(wish.ttl_ms));
    proposal.command += " --ttl " + ttl_text(wish.ttl_ms);
  }
  if (allow) proposal.command += " --action allow";
  const std::string how = std::string(allow ? "allow " : "drop ") + network +
                          (wish.ttl_ms == 0 ? " for good" : " for " + ttl_text(wish.ttl_ms));
  proposal.diff = diff_text("rules", "", how);
  draft.say("To " + std::string(allow ? "always allow" : "block") + " " + network +
                (wish.ttl_ms == 0 ? " for good: " : ": ") + proposal.command,
            {draft.cite_count("proposal for " + network, "Proposed as asked: " + how + ".")});
  draft.proposal = std::move(proposal);
  return {};
}

Status propose_removal(const Asked& asked, Draft& draft) {
  auto there = covering(asked);
  if (!there.ok()) return there.error();
  const bool of_allowlist = asked.slots.words.any({"allowlist", "whitelist"});
  std::erase_if(there->live, [&](const Record& rule) {
    const bool exact = asked.slots.address.empty() ||
                       short_network(rule.address) == short_network(asked.slots.address);
    return !exact || (rule.value == "allow") != of_allowlist;
  });
  draft.subject.address = asked.slots.address;
  draft.subject.rule_id = asked.slots.rule_id;
  const std::string target =
      asked.slots.address.empty() ? "the rule " + asked.slots.rule_id : asked.slots.address;
  if (there->live.empty()) {
    say_none(draft, "rules for " + target,
             "There is no rule of its own for " + target + ": nothing can be removed.");
    return {};
  }
  const Record& rule = there->live.front();
  draft.subject.rule_id = rule.key;
  const std::size_t cited = draft.cite(rule);
  draft.say(short_network(rule.address) + " is " + verdict_of(rule) +
                (rule.ends_at_ms == 0 ? std::string(" for good")
                                      : " until " + draft.when(rule.ends_at_ms)) +
                " by the rule " + rule.key + " of " + one_line(rule.actor) + ".",
            {cited});
  wire::Proposal proposal;
  proposal.action = "rules.remove";
  proposal.arguments = {{"id", rule.key}};
  proposal.command = "ml-guard rules rm " + shell_quoted(rule.key);
  proposal.diff = diff_text("rules", rule.value + " " + rule.address + " (" + rule.key + ")", "");
  draft.say("To remove it: " + proposal.command, {cited});
  draft.proposal = std::move(proposal);
  return {};
}

Status propose_model(const Asked& asked, const Wish& wish, Draft& draft) {
  const std::string model = as_typed(asked.question.text, wish.model);
  Filter filter;
  filter.tables = {Table::audit};
  filter.kind_prefix = "models.push";
  filter.limit = kFindMax;
  const auto pushed = asked.index.find(filter);
  if (!pushed.ok()) return pushed.error();
  const auto found = std::find_if(pushed->begin(), pushed->end(), [&](const Record& one) {
    return one.text.find(model) != std::string::npos;
  });
  if (found == pushed->end()) {
    refuse(draft, "No model called " + one_line(model) + " was pushed, as far as the records say.",
           "ml-guard model list");
    return {};
  }
  wire::Proposal proposal;
  proposal.action = "model.activate";
  proposal.arguments = {{"model", model}};
  proposal.command = "ml-guard model activate " + shell_quoted(model);
  proposal.diff = diff_text("ml-detector model", "", "model " + model);
  const std::string component = "ml-detector";
  const auto active = active_version(asked, component);
  if (!active.ok()) return active.error();
  if (*active) proposal.expected_version = (*active)->version;
  draft.say("The model " + one_line(model) + " was pushed by " + one_line(found->actor) + ", " +
                draft.when(found->at_ms) + ". To let it judge: " + proposal.command,
            {draft.cite(*found)});
  draft.subject.component = component;
  draft.proposal = std::move(proposal);
  return {};
}

// Where a person would look for what is not proposed.
std::string command_for(const Words& words) {
  if (words.any({"component", "components", "sniffer", "firewall", "detector"})) {
    return words.has("config") ? "ml-guard config --help" : "ml-guard component --help";
  }
  if (words.any({"leader"})) return "ml-guard leader --help";
  if (words.any({"member", "node", "nodes", "members"})) return "ml-guard member --help";
  if (words.any({"token", "tokens"})) return "ml-guard token --help";
  if (words.any({"model", "models"})) return "ml-guard model --help";
  if (words.any({"config", "configs"})) return "ml-guard config --help";
  if (words.any({"rule", "rules", "everything", "all"})) return "ml-guard rules --help";
  return "ml-guard --help";
}

}  // namespace

Status answer_wish(const Asked& asked, Draft& draft) {
  auto wish = read_wish(asked.slots);
  if (asked.intent == Intent::propose && !wish) {
    wish = guess_wish(asked.slots);
    if (!wish) {
      draft.say(
          "I take this for a wish, and cannot tell what is to be changed. Say it like: set the "
          "block threshold to VALUE; block ADDRESS for an hour; unblock ADDRESS; roll back the "
          "firewall's config.",
          {});
      return {};
    }
  }
  if (!wish || wish->kind == WishKind::refused) {
    refuse(draft,
           "I do not do that, and do not propose it. What I may propose: set one value of a "
           "configuration, roll a configuration back, block, allow or unblock one network, "
           "activate a pushed model.",
           command_for(asked.slots.words));
    return {};
  }
  switch (wish->kind) {
    case WishKind::set_value: return propose_value(asked, *wish, draft);
    case WishKind::rollback: return propose_rollback(asked, draft);
    case WishKind::unblock: return propose_removal(asked, draft);
    case WishKind::activate_model: return propose_model(asked, *wish, draft);
    default: return propose_rule(asked, *wish, draft);
  }
}

}  // namespace mlguard::rag
