// The versions of a configuration, and what differs between two of them.
#include <algorithm>
#include <map>

#include "rag/record_view.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kVersionsSaid = 12;
constexpr std::size_t kDifferencesSaid = 24;

Result<std::vector<Record>> versions_of(const Index& index, const std::string& component) {
  Filter filter;
  filter.tables = {Table::config_version};
  filter.component = component;
  filter.limit = kFindMax;
  auto found = index.find(filter);
  if (!found.ok()) return found;
  std::sort(found->begin(), found->end(),
            [](const Record& a, const Record& b) { return a.version > b.version; });
  return found;
}

std::string put_by(const Draft& draft, const Record& version) {
  std::string text = "put by " + one_line(version.actor) + ", " + draft.when(version.at_ms);
  const std::string comment = comment_of(version);
  if (!comment.empty()) text += ": \"" + one_line(comment) + "\"";
  return text;
}

Status say_history(Draft& draft, const std::string& component, const std::vector<Record>& all) {
  const std::string how = "The configuration of " + component + " has " +
                          plural(all.size(), "version") + ", the newest is version " +
                          std::to_string(all.front().version) + ".";
  draft.say(how, {draft.cite_count("versions of " + component, how)});
  for (std::size_t i = 0; i < all.size() && i < kVersionsSaid; ++i) {
    const bool active = all[i].ends_at_ms == 0;
    draft.say("Version " + std::to_string(all[i].version) + (active ? " (active): " : ": ") +
                  put_by(draft, all[i]) + ".",
              {draft.cite(all[i])});
  }
  draft.say("What differs: ml-guard config diff " + component, {draft.cite(all.front())});
  return {};
}

using Values = std::map<std::string, Record>;

Result<Values> values_of(const Index& index, const std::string& component, std::uint64_t version) {
  Filter filter;
  filter.tables = {Table::config};
  filter.component = component;
  filter.version = version;
  filter.limit = kFindMax;
  const auto found = index.find(filter);
  if (!found.ok()) return found.error();
  Values values;
  for (const Record& one : *found) values.emplace(one.path, one);
  return values;
}

std::size_t say_differences(Draft& draft, const Values& old_values, const Values& new_values) {
  std::size_t said = 0;
  const auto say = [&](const std::string& sentence, const Cited& cited) {
    if (++said <= kDifferencesSaid) draft.say(sentence, cited);
  };
  for (const auto& [path, value] : new_values) {
    const auto old = old_values.find(path);
    if (old == old_values.end()) {
      say(path + " is new: " + one_line(value.value) + ".", {draft.cite(value)});
    } else if (old->second.value != value.value) {
      say(path + " went from " + one_line(old->second.value) + " to " + one_line(value.value) + ".",
          {draft.cite(old->second), draft.cite(value)});
    }
  }
  for (const auto& [path, value] : old_values) {
    if (!new_values.contains(path)) {
      say(path + " is gone; it was " + one_line(value.value) + ".", {draft.cite(value)});
    }
  }
  return said;
}

// Which two are meant: both named; one, with its predecessor, or the newest for "since"; none: the
// last two.
std::optional<std::pair<const Record*, const Record*>> pair_of(const Asked& asked,
                                                               const std::vector<Record>& all) {
  const auto find = [&](std::uint64_t version) -> const Record* {
    for (const Record& one : all) {
      if (one.version == version) return &one;
    }
    return nullptr;
  };
  const auto predecessor = [&](const Record* version) -> const Record* {
    for (const Record& one : all) {
      if (one.version < version->version) return &one;
    }
    return nullptr;
  };
  const std::vector<std::uint64_t>& versions = asked.slots.versions;
  const Record* newer = &all.front();
  const Record* older = predecessor(newer);
  const bool since = asked.slots.time && asked.slots.time->since_version != 0;
  if (versions.size() >= 2) {
    older = find(std::min(versions[0], versions[1]));
    newer = find(std::max(versions[0], versions[1]));
  } else if (versions.size() == 1) {
    const Record* named = find(versions.front());
    const bool compares = asked.slots.words.any({"current", "now", "active", "latest", "today"});
    if (since || compares) {
      older = named;
    } else if (named != nullptr) {
      newer = named;
      older = predecessor(named);
    } else {
      return std::nullopt;
    }
  } else if (asked.slots.time && asked.slots.time->from_ms) {
    for (const Record& one : all) {
      if (one.at_ms < *asked.slots.time->from_ms) {
        older = &one;
        break;
      }
    }
  }
  if (older == nullptr || newer == nullptr) return std::nullopt;
  return std::make_pair(older, newer);
}

std::string asked_versions(const Asked& asked) {
  std::string text;
  for (const std::uint64_t version : asked.slots.versions) {
    text += (text.empty() ? "" : " and ") + std::to_string(version);
  }
  return text;
}

Status say_diff(const Asked& asked, Draft& draft, const std::string& component,
                const std::vector<Record>& all) {
  const auto pair = pair_of(asked, all);
  if (!pair) {
    const std::string how =
        all.size() < 2 && asked.slots.versions.empty()
            ? "The configuration of " + component + " has one version only: nothing changed."
            : "The configuration of " + component + " has no such pair of versions (" +
                  asked_versions(asked) + "); the newest is version " +
                  std::to_string(all.front().version) + ".";
    say_none(draft, "versions of " + component, how);
    return {};
  }
  const auto [older, newer] = *pair;
  const auto old_values = values_of(asked.index, component, older->version);
  if (!old_values.ok()) return old_values.error();
  const auto new_values = values_of(asked.index, component, newer->version);
  if (!new_values.ok()) return new_values.error();
  draft.say("From version " + std::to_string(older->version) + " to version " +
                std::to_string(newer->version) + " of the configuration of " + component + ", " +
                put_by(draft, *newer) + ":",
            {draft.cite(*newer), draft.cite(*older)});
  if (say_differences(draft, *old_values, *new_values) == 0) {
    draft.say("No value differs.", {draft.cite(*newer), draft.cite(*older)});
  }
  draft.say("The same as a difference: ml-guard config diff " + component + " " +
                std::to_string(older->version) + " " + std::to_string(newer->version),
            {draft.cite(*newer), draft.cite(*older)});
  return {};
}

Status say_all_configs(const Asked& asked, Draft& draft) {
  Filter filter;
  filter.tables = {Table::config_version};
  filter.in_force_at_ms = asked.now_ms();
  filter.limit = kFindMax;
  const auto active = asked.index.find(filter);
  if (!active.ok()) return active.error();
  if (active->empty()) say_none(draft, "configurations", "There is no configuration yet.");
  for (const Record& one : *active) {
    draft.say(one.component + " is at version " + std::to_string(one.version) + ", " +
                  put_by(draft, one) + ".",
              {draft.cite(one)});
  }
  return {};
}

}  // namespace

Status answer_config_versions(const Asked& asked, Draft& draft) {
  std::string component = asked.slots.component();
  if (component.empty() && !asked.slots.path.values.empty()) {
    component = asked.slots.path.values.front().component;
  }
  if (component.empty() && asked.intent == Intent::config_history) {
    return say_all_configs(asked, draft);
  }
  if (component.empty()) {
    draft.known = false;
    draft.say("I cannot tell which configuration is meant. Name its component.", {});
    return {};
  }
  const auto all = versions_of(asked.index, component);
  if (!all.ok()) return all.error();
  draft.subject.component = component;
  if (all->empty()) {
    say_none(draft, "versions of " + component, "There is no configuration of " + component + ".");
    return {};
  }
  return asked.intent == Intent::config_history ? say_history(draft, component, *all)
                                                : say_diff(asked, draft, component, *all);
}

}  // namespace mlguard::rag
