// What a configuration says: a value now, of a version, at a time; who set it, when and why.
#include <algorithm>

#include "rag/record_view.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kValuesSaid = 24;
constexpr std::size_t kVersionsRead = 1'000;

Filter version_filter(const std::string& component) {
  Filter filter;
  filter.tables = {Table::config_version};
  filter.component = component;
  filter.limit = kVersionsRead;
  return filter;
}

Result<std::optional<Record>> version_record(const Index& index, const std::string& component,
                                             std::uint64_t version) {
  Filter filter = version_filter(component);
  filter.version = version;
  return newest(index, filter);
}

Result<std::optional<Record>> version_at(const Index& index, const std::string& component,
                                         std::int64_t at_ms) {
  Filter filter = version_filter(component);
  filter.in_force_at_ms = at_ms;
  return newest(index, filter);
}

// "set by alice 2026-… (3 h ago): night shift".
std::string authorship(const Draft& draft, const Record& version) {
  std::string text = "by " +
                     (version.actor.empty() ? "an unknown author" : one_line(version.actor)) +
                     ", " + draft.when(version.at_ms);
  const std::string comment = comment_of(version);
  if (!comment.empty()) text += ": \"" + one_line(comment) + "\"";
  return text;
}

// All versions of a value, oldest first.
Result<std::vector<Record>> history_of(const Index& index, const Record& value) {
  Filter filter;
  filter.tables = {Table::config};
  filter.component = value.component;
  filter.path = value.path;
  filter.order = Order::oldest_first;
  filter.limit = kVersionsRead;
  return index.find(filter);
}

// The version since which the value is what it is in `value`.
const Record* set_in(const std::vector<Record>& history, const Record& value) {
  const Record* set = nullptr;
  for (const Record& one : history) {
    if (one.version > value.version) break;
    if (set == nullptr || set->value != one.value) set = &one;
  }
  return set;
}

// "who set it to 30": the version that first had this value.
const Record* set_to(const std::vector<Record>& history, const Words& words) {
  const std::size_t to = words.find("to");
  const std::string& wanted = words.at(to + 1);
  if (to >= words.size() || wanted.empty()) return nullptr;
  const Record* before = nullptr;
  const Record* last = nullptr;
  for (const Record& one : history) {
    const bool changed = before == nullptr || before->value != one.value;
    if (changed && (one.value == wanted || one.value == "\"" + wanted + "\"")) last = &one;
    before = &one;
  }
  return last;
}

const Record* before(const std::vector<Record>& history, const Record& set) {
  const Record* found = nullptr;
  for (const Record& one : history) {
    if (one.version < set.version) found = &one;
  }
  return found;
}

// One value as it is, or was.
Status say_value(const Asked& asked, Draft& draft, const Record& value, std::int64_t at_ms) {
  if (value.table == Table::doc) {
    draft.say(value.path + " of " + value.component + " is not set; the default is " +
                  one_line(value.value) + ".",
              {draft.cite(value)});
    return {};
  }
  const bool past = asked.slots.time.has_value() || !asked.slots.versions.empty();
  std::string sentence = value.path + " of " + value.component + (past ? " was " : " is ") +
                         one_line(value.value) + " in version " + std::to_string(value.version);
  if (!past) sentence = value.path + " of " + value.component + " is " + one_line(value.value);
  Cited cited = {draft.cite(value)};
  if (!past) {
    const auto history = history_of(asked.index, value);
    if (!history.ok()) return history.error();
    if (const Record* set = set_in(*history, value)) {
      const auto version = version_record(asked.index, set->component, set->version);
      if (!version.ok()) return version.error();
      cited.push_back(draft.cite(*set));
      sentence += ", since version " + std::to_string(set->version);
      if (*version) {
        sentence += " " + authorship(draft, **version);
        cited.push_back(draft.cite(**version));
      }
    }
  } else if (asked.slots.versions.empty()) {
    const auto version = version_at(asked.index, value.component, at_ms);
    if (!version.ok()) return version.error();
    if (*version) {
      sentence += ", which was in force since " + draft.when((*version)->at_ms);
      cited.push_back(draft.cite(**version));
    }
  }
  draft.say(sentence + ".", cited);
  return {};
}

Status say_author(const Asked& asked, Draft& draft, const Record& value) {
  if (value.table == Table::doc) return say_value(asked, draft, value, asked.now_ms());
  const auto history = history_of(asked.index, value);
  if (!history.ok()) return history.error();
  const Record* set = set_to(*history, asked.slots.untimed);
  const bool past = set != nullptr;
  if (set == nullptr) set = set_in(*history, value);
  if (set == nullptr) return {};
  const auto version = version_record(asked.index, set->component, set->version);
  if (!version.ok()) return version.error();
  const Record* old = before(*history, *set);
  Cited cited = {draft.cite(*set)};
  if (*version) cited.push_back(draft.cite(**version));
  if (old != nullptr) cited.push_back(draft.cite(*old));
  std::string sentence = value.path + " of " + value.component + (past ? " became " : " is ") +
                         one_line(set->value) + (past ? " in version " : " since version ") +
                         std::to_string(set->version);
  if (*version) sentence += ", set " + authorship(draft, **version);
  if (old != nullptr) sentence += "; before it was " + one_line(old->value);
  draft.say(sentence + ".", cited);
  return {};
}

std::int64_t moment_of(const Asked& asked) {
  const auto& time = asked.slots.time;
  if (!time) return asked.now_ms();
  if (time->at_ms) return *time->at_ms;
  if (time->until_ms) return *time->until_ms - 1;
  return time->from_ms.value_or(asked.now_ms());
}

Result<std::vector<Record>> document_of(const Asked& asked, const std::string& component) {
  if (asked.slots.versions.empty()) return values_at(asked.index, component, moment_of(asked));
  Filter filter;
  filter.tables = {Table::config};
  filter.component = component;
  filter.version = asked.slots.versions.front();
  filter.limit = kFindMax;
  return asked.index.find(filter);
}

// The values that were meant, as they were in the version or at the time that was asked for.
Result<std::vector<Record>> meant_values(const Asked& asked) {
  const PathMatch& match = asked.slots.path;
  if (asked.slots.versions.empty() && !asked.slots.time) return match.values;
  std::vector<Record> then;
  for (const Record& now : match.values) {
    const auto document = document_of(asked, now.component);
    if (!document.ok()) return document.error();
    for (const Record& value : *document) {
      if (value.path == now.path) then.push_back(value);
    }
  }
  return then;
}

std::string which(const Asked& asked) {
  if (!asked.slots.versions.empty()) {
    return " in version " + std::to_string(asked.slots.versions.front());
  }
  return said_time(asked.slots);
}

Status say_document(const Asked& asked, Draft& draft, const std::string& component) {
  const auto values = document_of(asked, component);
  if (!values.ok()) return values.error();
  draft.subject.component = component;
  if (values->empty()) {
    say_none(draft, "config " + component,
             "There is no configuration of " + component + which(asked) + ".");
    return {};
  }
  const std::uint64_t number = values->front().version;
  const auto version = version_record(asked.index, component, number);
  if (!version.ok()) return version.error();
  if (*version) {
    draft.say("The configuration of " + component + which(asked) + " is version " +
                  std::to_string(number) + ", put " + authorship(draft, **version) + ".",
              {draft.cite(**version)});
  }
  for (std::size_t i = 0; i < values->size() && i < kValuesSaid; ++i) {
    const Record& value = (*values)[i];
    draft.say(value.path + " = " + one_line(value.value), {draft.cite(value)});
  }
  if (values->size() > kValuesSaid && *version) {
    draft.say("All of it: ml-guard config get " + component, {draft.cite(**version)});
  }
  return {};
}

Status say_version_author(const Asked& asked, Draft& draft, const std::string& component) {
  const auto version = asked.slots.versions.empty()
                           ? version_at(asked.index, component, moment_of(asked))
                           : version_record(asked.index, component, asked.slots.versions.front());
  if (!version.ok()) return version.error();
  draft.subject.component = component;
  if (!*version) {
    say_none(draft, "config " + component,
             "There is no configuration of " + component + which(asked) + ".");
    return {};
  }
  draft.say("Version " + std::to_string((*version)->version) + " of the configuration of " +
                component + " was put " + authorship(draft, **version) + ".",
            {draft.cite(**version)});
  draft.say("What changed in it: ml-guard config diff " + component, {draft.cite(**version)});
  return {};
}

void remember(Draft& draft, const Record& value) {
  draft.subject.component = value.component;
  draft.subject.path = value.path;
}

}  // namespace

Status answer_config(const Asked& asked, Draft& draft) {
  const bool who = asked.intent == Intent::config_author;
  const bool whole_version = who && !asked.slots.versions.empty();
  if (asked.slots.path.values.empty() || whole_version) {
    const std::string component = asked.slots.component();
    if (component.empty()) {
      say_none(draft, "config", "I cannot tell which configuration is meant. Name its component.");
      draft.known = false;
      return {};
    }
    return who ? say_version_author(asked, draft, component)
               : say_document(asked, draft, component);
  }
  const auto values = meant_values(asked);
  if (!values.ok()) return values.error();
  const Record& first = asked.slots.path.values.front();
  remember(draft, first);
  if (values->empty()) {
    say_none(draft, first.component + " " + first.path,
             first.path + " of " + first.component + " is not set" + which(asked) + ".");
    return {};
  }
  const std::size_t most = who ? 3 : 12;
  for (std::size_t i = 0; i < values->size() && i < most; ++i) {
    const auto said = who ? say_author(asked, draft, (*values)[i])
                          : say_value(asked, draft, (*values)[i], moment_of(asked));
    if (!said.ok()) return said;
  }
  return {};
}

}  // namespace mlguard::rag
