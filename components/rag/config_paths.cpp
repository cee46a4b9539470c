#include "rag/config_paths.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

namespace mlguard::rag {
namespace {

constexpr double kLeafWeight = 2;
constexpr double kGroupWeight = 1;
constexpr double kMissedWeight = 0.5;
constexpr std::size_t kValuesMax = 2'000;

// What people call the words of paths.
constexpr std::array<std::pair<std::string_view, std::string_view>, 38> kPathWords = {{
    {"limit", "threshold"},  {"limits", "threshold"},
    {"thresh", "threshold"}, {"cutoff", "threshold"},
    {"blocking", "block"},   {"detection", "detect"},
    {"detecting", "detect"}, {"beat", "heartbeat"},
    {"beats", "heartbeat"},  {"iface", "interface"},
    {"ifaces", "interface"}, {"nic", "interface"},
    {"card", "interface"},   {"on", "enabled"},
    {"off", "enabled"},      {"enable", "enabled"},
    {"disable", "enabled"},  {"disabled", "enabled"},
    {"turned", "enabled"},   {"whitelist", "allowlist"},
    {"lifetime", "ttl"},     {"expiry", "ttl"},
    {"duration", "ttl"},     {"sampling", "sample"},
    {"sampled", "sample"},   {"url", "endpoint"},
    {"maximum", "max"},      {"minimum", "min"},
    {"dry-run", "dry"},      {"dryrun", "dry"},
    {"report", "reports"},   {"rule", "rules"},
    {"rotation", "period"},  {"retained", "retention"},
    {"keep", "retention"},   {"ban", "block"},
    {"bantime", "ttl"},      {"sensitivity", "threshold"},
}};

// Units and little words of a path that nobody says.
bool is_silent(std::string_view word) {
  constexpr std::array<std::string_view, 10> kSilent = {"s",  "ms",   "by", "in", "per",
                                                        "of", "days", "to", "at", "one"};
  return std::find(kSilent.begin(), kSilent.end(), word) != kSilent.end();
}

// Words of paths that people say of many other things: alone they mean none of these values.
bool is_generic(std::string_view word) {
  constexpr std::array<std::string_view, 26> kGeneric = {
      "rules", "model", "flow", "flows",  "hosts",  "ports",  "reports", "name",  "path",
      "key",   "max",   "min",  "scan",   "minute", "brute",  "force",   "flood", "sweep",
      "half",  "open",  "fast", "answer", "block",  "detect", "address", "run"};
  return std::find(kGeneric.begin(), kGeneric.end(), word) != kGeneric.end();
}

std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> parts;
  std::string part;
  for (const char c : text) {
    if (c == '.' || c == '_' || c == '-' || c == '/') {
      if (!part.empty()) parts.push_back(std::exchange(part, {}));
    } else {
      part += c;
    }
  }
  if (!part.empty()) parts.push_back(part);
  return parts;
}

// "on the allowlist" switches nothing; "is xdp on", "turn off xdp" and "on or off" do.
bool is_preposition(const Words& words, std::size_t place) {
  const std::string& word = words.at(place);
  if (word != "on") return false;
  if (place + 1 == words.size()) return false;
  const Words before({place == 0 ? std::string() : words.at(place - 1)});
  const Words after({words.at(place + 1)});
  return !before.any({"turn", "turned", "switch", "switched", "or"}) &&
         !after.any({"or", "and", "please", "now", "again"});
}

std::set<std::string> said_stems(const Words& words) {
  std::set<std::string> said;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words.at(i);
    for (const std::string& part : parts_of(word)) said.insert(stem(part));
    for (const auto& [is, means] : kPathWords) {
      if (word == is && !is_preposition(words, i)) said.insert(stem(means));
    }
  }
  // "How long do rules last" asks for their ttl.
  if (words.has("long") && words.any({"rule", "rules", "block", "blocks", "blocked"})) {
    said.insert(stem("ttl"));
  }
  // "From what score on do you block" asks for the threshold.
  if (words.any({"score", "scores"}) && words.any({"block", "blocks", "blocked", "blocking"})) {
    said.insert(stem("thresholds"));
    said.insert(stem("block"));
  }
  return said;
}

struct Scored {
  double score = 0;
  bool leaf_said = false;
  bool all_said = true;
  std::string group;
};

Scored score_of(const std::string& path, const std::set<std::string>& said) {
  Scored scored;
  const std::size_t dot = path.rfind('.');
  scored.group = dot == std::string::npos ? "" : path.substr(0, dot);
  const std::string leaf = dot == std::string::npos ? path : path.substr(dot + 1);
  bool any = false;
  const auto add = [&](std::string_view text, double weight, double missed) {
    for (const std::string& part : parts_of(text)) {
      if (is_silent(part)) continue;
      if (said.contains(stem(part))) {
        scored.score += weight;
        any = any || !is_generic(part);
        if (weight == kLeafWeight) scored.leaf_said = true;
      } else {
        scored.score -= missed;
        scored.all_said = false;
      }
    }
  };
  add(scored.group, kGroupWeight, 0);
  add(leaf, kLeafWeight, kMissedWeight);
  // "on" and "off" are said of many things: which one is meant, the group has to say.
  const bool on_alone = leaf == "enabled" && scored.score <= kLeafWeight;
  if (!any || on_alone) scored = Scored{0, false, false, scored.group};
  return scored;
}

// "thresholds.block", or a name of several words as it stands there: "scan_ports".
std::vector<Record> typed_path(const std::vector<Record>& values, const Words& words) {
  std::vector<Record> typed;
  for (const Record& value : values) {
    const std::string leaf = value.path.substr(value.path.rfind('.') + 1);
    const bool is_plain = value.path.find_first_of("._") == std::string::npos;
    const bool leaf_typed = leaf.find('_') != std::string::npos && words.has(leaf);
    if (leaf_typed || (!is_plain && words.has(value.path))) typed.push_back(value);
  }
  return typed;
}

}  // namespace

base::Result<std::vector<Record>> values_at(const Index& index, const std::string& component,
                                            std::int64_t at_ms) {
  Filter filter;
  filter.tables = {Table::config};
  filter.component = component;
  filter.in_force_at_ms = at_ms;
  filter.limit = kValuesMax;
  filter.order = Order::oldest_first;
  return index.find(filter);
}

base::Status add_defaults(const Index& index, const std::vector<std::string>& components,
                          std::vector<Record>& values) {
  std::set<std::pair<std::string, std::string>> there;
  for (const Record& value : values) there.emplace(value.component, value.path);
  Filter filter;
  filter.tables = {Table::doc};
  filter.limit = kValuesMax;
  for (const std::string& component : components) {
    filter.component = component;
    const auto keys = index.find(filter);
    if (!keys.ok()) return keys.error();
    for (const Record& key : *keys) {
      constexpr std::string_view kDefault = " Default: `";
      const std::size_t at = key.text.find(kDefault);
      if (key.path.empty() || at == std::string::npos) continue;
      if (there.contains({component, key.path})) continue;
      const std::size_t begin = at + kDefault.size();
      values.push_back(key);
      values.back().value = key.text.substr(begin, key.text.find('`', begin) - begin);
    }
  }
  return {};
}

PathMatch match_path(const std::vector<Record>& values, const Words& words) {
  PathMatch match;
  match.values = typed_path(values, words);
  if (!match.values.empty()) {
    match.score = kLeafWeight + kGroupWeight;
    match.exact = true;
    return match;
  }
  const std::set<std::string> said = said_stems(words);
  std::vector<std::pair<Scored, const Record*>> scored;
  for (const Record& value : values) {
    Scored one = score_of(value.path, said);
    scored.emplace_back(std::move(one), &value);
  }
  std::stable_sort(scored.begin(), scored.end(),
                   [](const auto& a, const auto& b) { return a.first.score > b.first.score; });
  if (scored.empty() || scored.front().first.score <= 0) return match;
  const Scored& best = scored.front().first;
  match.score = best.score;
  match.exact = best.all_said;
  for (const auto& [one, value] : scored) {
    // The group alone was named: all of it is meant.
    const bool same_group = !best.leaf_said && one.group == best.group && !best.group.empty();
    if (one.score == best.score || same_group) match.values.push_back(*value);
  }
  if (!best.leaf_said) {
    // "The threshold", without more words, is the one that decides what is blocked.
    std::stable_partition(match.values.begin(), match.values.end(),
                          [](const Record& value) { return value.path.ends_with(".block"); });
  }
  return match;
}

}  // namespace mlguard::rag
