// What changed, everywhere, in a time; and what happened with one address, rule or component.
#include <algorithm>

#include "rag/record_view.h"
#include "rag/vocabulary.h"

namespace mlguard::rag {
namespace {

using base::Status;

constexpr std::int64_t kDayMs = 24LL * 3'600'000;
constexpr std::size_t kPerGroupSaid = 3;
constexpr std::size_t kEventsRead = 2'000;
constexpr std::size_t kEventsSaid = 20;

struct Group {
  const char* name;
  Table table;
  const char* kind_prefix;
};
// What a person wants to know first comes first.
constexpr Group kGroups[] = {{"Configuration versions", Table::config_version, ""},
                             {"Rules made", Table::rule, ""},
                             {"Rules removed", Table::audit, "rules.rem"},
                             {"Detections", Table::detection, ""},
                             {"Health", Table::health, ""},
                             {"Components", Table::audit, "component."},
                             {"Members", Table::audit, "members."},
                             {"Tokens and enrolments", Table::audit, "token."},
                             {"Enrolments", Table::audit, "identity."},
                             {"Models", Table::audit, "models."},
                             {"Refused requests", Table::audit, "refused"}};

std::string expiry_text(const Draft& draft, const Record& rule) {
  if (rule.ends_at_ms == 0 || rule.ends_at_ms > draft.now_ms()) return {};
  return ", ended " + draft.when(rule.ends_at_ms);
}

std::string event_text(const Draft& draft, const Record& one) {
  switch (one.table) {
    case Table::config_version: {
      std::string text =
          one.component + " version " + std::to_string(one.version) + " by " + one_line(one.actor);
      const std::string comment = comment_of(one);
      if (!comment.empty()) text += " (\"" + one_line(comment) + "\")";
      return text + ", " + draft.when(one.at_ms);
    }
    case Table::rule:
      return short_network(one.address) + " " + verdict_of(one) + " by " + one_line(one.actor) +
             " (rule " + one.key + "), " + draft.when(one.at_ms) + expiry_text(draft, one);
    case Table::detection: {
      std::string text = attack_name(one.kind) + " from " + one.address;
      if (!one.destination.empty()) text += " against " + one.destination;
      return text + ", " + draft.when(one.at_ms);
    }
    case Table::health:
      return one.component + " " + (one.value.empty() ? "changed" : "became " + one.value) + ", " +
             draft.when(one.at_ms);
    case Table::audit: {
      const std::string what = audit_detail(one);
      std::string text = one_line(one.actor) + ": " + one.kind;
      if (!one.path.empty()) text += " " + one_line(one.path);
      if (!what.empty()) text += " (" + one_line(what) + ")";
      return text + ", " + draft.when(one.at_ms);
    }
    default: return one_line(one.title) + ", " + draft.when(one.at_ms);
  }
}

// A heartbeat is no change: its key is the component's name alone.
bool is_beat(const Record& one) { return one.table == Table::health && one.key == one.component; }

Filter group_filter(const Asked& asked, const Group& group) {
  Filter filter;
  filter.tables = {group.table};
  filter.kind_prefix = group.kind_prefix;
  put_time(asked.slots, filter);
  if (!asked.slots.time) filter.from_ms = asked.now_ms() - kDayMs;
  const bool by_actor = group.table == Table::rule;
  if (!asked.slots.components.empty()) {
    (by_actor ? filter.actor : filter.component) = asked.slots.component();
  }
  if (!asked.slots.actor.empty()) filter.actor = asked.slots.actor;
  filter.limit = kFindMax;
  return filter;
}

std::string span_of(const Asked& asked, const Draft& draft) {
  if (asked.slots.time) return said_time(asked.slots);
  return " since " + draft.clock(asked.now_ms() - kDayMs);
}

// Groups with their numbers; the newest of each are said.
Status say_groups(const Asked& asked, Draft& draft, std::size_t& total) {
  const std::string span = span_of(asked, draft);
  for (const Group& group : kGroups) {
    const Filter filter = group_filter(asked, group);
    std::uint64_t count = 0;
    Filter newest_few = filter;
    newest_few.limit = group.table == Table::health ? kEventsRead : kPerGroupSaid;
    auto found = asked.index.find(newest_few);
    if (!found.ok()) return found.error();
    std::erase_if(*found, is_beat);
    if (group.table == Table::health) {
      count = found->size();
    } else {
      const auto counted = asked.index.count(filter);
      if (!counted.ok()) return counted.error();
      count = *counted;
    }
    if (count == 0) continue;
    total += count;
    const std::string sentence =
        std::string(group.name) + span + ": " + std::to_string(count) + ".";
    draft.say(sentence, {draft.cite_count(group.name + span, sentence)});
    for (std::size_t i = 0; i < found->size() && i < kPerGroupSaid; ++i) {
      draft.say("- " + event_text(draft, (*found)[i]) + ".", {draft.cite((*found)[i])});
    }
  }
  return {};
}

Status events_of(const Asked& asked, Filter filter, std::vector<Record>& events) {
  put_time(asked.slots, filter);
  filter.limit = kEventsRead;
  auto found = asked.index.find(filter);
  if (!found.ok()) return found.error();
  std::erase_if(*found, is_beat);
  events.insert(events.end(), std::make_move_iterator(found->begin()),
                std::make_move_iterator(found->end()));
  return {};
}

Status collect_events(const Asked& asked, std::vector<Record>& events) {
  const Slots& slots = asked.slots;
  if (slots.address.empty() && slots.rule_id.empty()) {
    Filter filter;
    filter.tables = {Table::config_version, Table::health, Table::audit};
    filter.component = slots.component();
    return events_of(asked, filter, events);
  }
  Filter filter;
  filter.tables = {Table::rule, Table::detection};
  filter.address = slots.address;
  if (slots.address.empty()) filter.key = slots.rule_id;
  const auto own = events_of(asked, filter, events);
  if (!own.ok()) return own;
  std::vector<std::string> rules;
  for (const Record& one : events) {
    if (one.table == Table::rule) rules.push_back(one.key);
  }
  // Who removed a rule stands in the audit trail, by the rule's id.
  Filter audit;
  audit.tables = {Table::audit};
  audit.kind_prefix = "rules.rem";
  std::vector<Record> removals;
  const auto read = events_of(asked, audit, removals);
  if (!read.ok()) return read;
  for (Record& one : removals) {
    const bool ours = std::any_of(rules.begin(), rules.end(), [&](const std::string& id) {
      return one.path.find(id) != std::string::npos || one.text.find(id) != std::string::npos;
    });
    if (ours) events.push_back(std::move(one));
  }
  return {};
}

void say_state_of_rules(Draft& draft, const std::vector<Record>& events,
                        const std::string& target) {
  const auto live = std::find_if(events.begin(), events.end(), [&](const Record& one) {
    return one.table == Table::rule && is_live(one, draft.now_ms());
  });
  if (live == events.end()) {
    const std::string sentence = target + " is not blocked now: no rule covers it.";
    say_none(draft, "rules for " + target, sentence);
    return;
  }
  draft.say(short_network(live->address) + " is " + verdict_of(*live) +
                (live->ends_at_ms == 0 ? std::string(" for good")
                                       : " until " + draft.when(live->ends_at_ms)) +
                " by the rule " + live->key + ".",
            {draft.cite(*live)});
  draft.subject.rule_id = live->key;
}

}  // namespace

Status answer_changes(const Asked& asked, Draft& draft) {
  std::size_t total = 0;
  const auto said = say_groups(asked, draft, total);
  if (!said.ok()) return said;
  draft.subject.component = asked.slots.component();
  if (total > 0) return {};
  std::string of;
  if (!asked.slots.components.empty()) of = " of " + asked.slots.component();
  if (!asked.slots.actor.empty()) of = " by " + one_line(asked.slots.actor);
  say_none(draft, "changes", "Nothing changed" + of + span_of(asked, draft) + ".");
  return {};
}

Status answer_timeline(const Asked& asked, Draft& draft) {
  const Slots& slots = asked.slots;
  std::vector<Record> events;
  const auto collected = collect_events(asked, events);
  if (!collected.ok()) return collected;
  const std::string target = !slots.address.empty()   ? slots.address
                             : !slots.rule_id.empty() ? "the rule " + slots.rule_id
                                                      : slots.component();
  draft.subject.address = slots.address;
  draft.subject.rule_id = slots.rule_id;
  draft.subject.component = slots.component();
  if (events.empty()) {
    say_none(
        draft, "events of " + target,
        "Nothing is known of " + target + said_time(slots) + ": no rule, no detection, no record.");
    return {};
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const Record& a, const Record& b) { return a.at_ms > b.at_ms; });
  if (!slots.address.empty() || !slots.rule_id.empty()) say_state_of_rules(draft, events, target);
  const std::string how = "Known of " + target + said_time(slots) + ": " +
                          plural(events.size(), "record") + ", newest first.";
  draft.say(how, {draft.cite_count("events of " + target, how)});
  for (std::size_t i = 0; i < events.size() && i < kEventsSaid; ++i) {
    draft.say("- " + event_text(draft, events[i]) + ".", {draft.cite(events[i])});
  }
  return {};
}

}  // namespace mlguard::rag
