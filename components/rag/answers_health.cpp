// Whether the components are healthy, and since when and why not.
#include <algorithm>

#include "base/time_format.h"
#include "rag/record_view.h"
#include "rag/vocabulary.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kComponentsMax = 1'000;
constexpr std::size_t kComponentsSaid = 30;

// What is known of one component.
struct Known {
  std::string name;
  std::optional<Record> registered;
  std::optional<Record> now;     // its last heartbeat
  std::optional<Record> change;  // its last transition
  std::string problem;
  std::string health;
  bool good = true;
};

bool is_good(const std::string& health) {
  return health.empty() || health == "healthy" || health == "ok";
}

Result<Known> known_of(const Index& index, const std::string& name) {
  Known known;
  known.name = name;
  Filter filter;
  filter.tables = {Table::component};
  filter.key = name;
  auto registered = newest(index, filter);
  if (!registered.ok()) return registered.error();
  known.registered = std::move(*registered);
  filter.tables = {Table::health};
  auto now = newest(index, filter);
  if (!now.ok()) return now.error();
  known.now = std::move(*now);
  // The newest of the others is the transition.
  Filter changes;
  changes.tables = {Table::health};
  changes.component = name;
  changes.limit = 2;
  auto found = index.find(changes);
  if (!found.ok()) return found.error();
  for (const Record& one : *found) {
    if (one.key != name && !known.change) known.change = one;
  }
  const Record* says = known.now ? &*known.now : known.change ? &*known.change : nullptr;
  if (says != nullptr) {
    known.health = says->value;
    known.problem = told(*says, "Problem");
  }
  known.good = is_good(known.health) && known.problem.empty();
  if (is_good(known.health)) known.health = known.problem.empty() ? "healthy" : "degraded";
  return known;
}

Result<std::vector<Known>> all_known(const Index& index) {
  Filter filter;
  filter.tables = {Table::component};
  filter.limit = kComponentsMax;
  const auto found = index.find(filter);
  if (!found.ok()) return found.error();
  std::vector<Known> all;
  for (const Record& component : *found) {
    auto known = known_of(index, component.key);
    if (!known.ok()) return known.error();
    all.push_back(std::move(*known));
  }
  std::sort(all.begin(), all.end(), [](const Known& a, const Known& b) { return a.name < b.name; });
  return all;
}

Cited cite_known(Draft& draft, const Known& known) {
  Cited cited;
  if (known.now) cited.push_back(draft.cite(*known.now));
  if (!known.good && known.change) cited.push_back(draft.cite(*known.change));
  if (cited.empty() && known.registered) cited.push_back(draft.cite(*known.registered));
  return cited;
}

// "sniffer is dead since …: no heartbeat; last one …".
void say_state(Draft& draft, const Known& known) {
  std::string sentence = known.name + " is " + known.health;
  if (!known.good && known.change && known.change->value == known.health) {
    sentence += " since " + draft.when(known.change->at_ms);
  }
  if (!known.problem.empty()) sentence += ": " + one_line(known.problem);
  draft.say(sentence + ".", cite_known(draft, known));
  if (!known.good && known.now && known.now->at_ms != 0) {
    draft.say("Its last heartbeat came " + draft.when(known.now->at_ms) + ".",
              {draft.cite(*known.now)});
  }
}

std::string count_text(const std::vector<Known>& all) {
  std::string names;
  std::size_t good = 0;
  for (const Known& one : all) {
    names += (names.empty() ? "" : ", ") + one.name + " " + one.health;
    if (one.good) ++good;
  }
  return plural(all.size(), "component") + ", of which healthy: " + std::to_string(good) +
         ", not: " + std::to_string(all.size() - good) + ": " + names + ".";
}

void say_next(Draft& draft, const std::vector<Known>& bad, std::size_t count) {
  if (bad.empty()) return;
  draft.say("To look closer: ml-guard component get " + bad.front().name, {count});
}

Status say_components(const Asked& asked, Draft& draft) {
  const auto all = all_known(asked.index);
  if (!all.ok()) return all.error();
  if (all->empty()) {
    say_none(draft, "components", "No component has registered.");
    return {};
  }
  const std::size_t count = draft.cite_count("components", count_text(*all));
  std::vector<Known> bad;
  std::copy_if(all->begin(), all->end(), std::back_inserter(bad),
               [](const Known& one) { return !one.good; });
  if (asked.intent == Intent::unhealthy) {
    if (bad.empty()) {
      draft.say("All " + plural(all->size(), "component") + " are healthy.", {count});
    }
    for (std::size_t i = 0; i < bad.size() && i < kComponentsSaid; ++i) say_state(draft, bad[i]);
    say_next(draft, bad, count);
    if (bad.size() == 1) draft.subject.component = bad.front().name;
    return {};
  }
  draft.say("There are " + plural(all->size(), "component") + ".", {count});
  for (std::size_t i = 0; i < all->size() && i < kComponentsSaid; ++i) {
    const Known& one = (*all)[i];
    std::string sentence = one.name + ": " + one.health;
    Cited cited = cite_known(draft, one);
    const std::string version = one.registered ? component_version(*one.registered) : "";
    const std::string address = one.registered ? component_address(*one.registered) : "";
    if (!address.empty()) {
      sentence += ", at " + one_line(address);
      cited.push_back(draft.cite(*one.registered));
    }
    if (!version.empty()) {
      sentence += ", version " + one_line(version);
      cited.push_back(draft.cite(*one.registered));
    }
    draft.say(sentence + ".", cited);
  }
  return {};
}

void say_registration(Draft& draft, const Known& known) {
  if (!known.registered) return;
  const Record& record = *known.registered;
  const std::size_t cited = draft.cite(record);
  const std::string version = component_version(record);
  std::string sentence;
  if (!version.empty()) sentence += "It runs version " + one_line(version);
  const std::string address = component_address(record);
  if (!address.empty()) sentence += (sentence.empty() ? "It runs at " : " at ") + one_line(address);
  if (record.at_ms != 0) {
    sentence +=
        (sentence.empty() ? "It is registered since " : ", registered ") + draft.when(record.at_ms);
  }
  if (!sentence.empty()) draft.say(sentence + ".", {cited});
}

Status say_one(const Asked& asked, Draft& draft, const std::string& name) {
  const auto known = known_of(asked.index, name);
  if (!known.ok()) return known.error();
  draft.subject.component = name;
  if (!known->registered && !known->now && !known->change) {
    say_none(draft, "component " + name, "No component called " + name + " has registered.");
    return {};
  }
  say_state(draft, *known);
  if (known->good && known->now && known->now->at_ms != 0) {
    draft.say("Its last heartbeat came " + draft.when(known->now->at_ms) + ".",
              {draft.cite(*known->now)});
  }
  if (known->good && known->change) {
    draft.say("It is " + known->change->value + " since " + draft.when(known->change->at_ms) + ".",
              {draft.cite(*known->change)});
  }
  say_registration(draft, *known);
  if (!known->good) {
    draft.say("To look closer: ml-guard component get " + name, cite_known(draft, *known));
  }
  return {};
}

Status say_blocks(const Asked& asked, Draft& draft) {
  Filter filter;
  filter.tables = {Table::rule};
  filter.in_force_at_ms = asked.now_ms();
  const auto rules = asked.index.count(filter);
  if (!rules.ok()) return rules.error();
  const std::string sentence =
      *rules == 0 ? "Nothing is blocked." : plural(*rules, "rule") + " in force.";
  draft.say(sentence, {draft.cite_count("rules in force", sentence)});
  Filter attacks;
  attacks.tables = {Table::detection};
  const auto last = newest(asked.index, attacks);
  if (!last.ok()) return last.error();
  if (*last) {
    const Record& one = **last;
    draft.say("The latest detection is a " + attack_name(one.kind) + " from " + one.address + ", " +
                  draft.when(one.at_ms) + ".",
              {draft.cite(one)});
  } else {
    say_none(draft, "detections", "No attack has been detected.");
  }
  return {};
}

}  // namespace

Status answer_health(const Asked& asked, Draft& draft) {
  if (asked.intent != Intent::component_health) return say_components(asked, draft);
  for (const std::string& name : asked.slots.components) {
    const auto said = say_one(asked, draft, name);
    if (!said.ok()) return said;
  }
  return {};
}

Status answer_status(const Asked& asked, Draft& draft) {
  const auto all = all_known(asked.index);
  if (!all.ok()) return all.error();
  const std::size_t count = draft.cite_count("components", count_text(*all));
  std::vector<Known> bad;
  std::copy_if(all->begin(), all->end(), std::back_inserter(bad),
               [](const Known& one) { return !one.good; });
  if (all->empty()) {
    draft.say("No component has registered.", {count});
  } else if (bad.empty()) {
    draft.say("Everything is healthy: " + plural(all->size(), "component") + ".", {count});
  } else {
    draft.say("Not all is well: " + std::to_string(bad.size()) + " of " +
                  plural(all->size(), "component") + " not healthy.",
              {count});
    for (std::size_t i = 0; i < bad.size() && i < kComponentsSaid; ++i) say_state(draft, bad[i]);
  }
  const auto said = say_blocks(asked, draft);
  if (!said.ok()) return said;
  say_next(draft, bad, count);
  if (bad.size() == 1) draft.subject.component = bad.front().name;
  return {};
}

}  // namespace mlguard::rag
