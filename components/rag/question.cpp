#include "rag/question.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "rag/network_key.h"
#include "rag/vocabulary.h"

namespace mlguard::rag {
namespace {

using base::Result;

constexpr std::size_t kNamesMax = 1'000;

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return text;
}

std::vector<std::string> names_in(const Index& index, Column column, std::vector<Table> tables) {
  Filter filter;
  filter.tables = std::move(tables);
  std::vector<std::string> names;
  const auto counted = index.count_by(column, filter, kNamesMax);
  if (!counted.ok()) return names;
  for (const Count& count : *counted) {
    if (!count.value.empty()) names.push_back(count.value);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void add_once(std::vector<std::string>& to, const std::string& name) {
  if (std::find(to.begin(), to.end(), name) == to.end()) to.push_back(name);
}

// "dmz sensor", "sensor in the dmz": the component of that role whose name has the word.
std::string with_suffix(const std::vector<std::string>& names, const std::string& role,
                        const Words& words) {
  for (const std::string& name : names) {
    if (!name.starts_with(role + "-")) continue;
    if (words.has(name.substr(role.size() + 1))) return name;
  }
  return {};
}

void read_components(const std::vector<std::string>& names, Slots& slots) {
  const Words& words = slots.untimed;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::size_t used = 0;
    const std::string role = role_at(words, i, used);
    const std::string narrower = role.empty() ? role : with_suffix(names, role, words);
    // "the branch firewall" is not the one that is just called firewall.
    if (narrower.empty() && std::binary_search(names.begin(), names.end(), words.at(i))) {
      add_once(slots.components, words.at(i));
      continue;
    }
    if (role.empty()) continue;
    const bool is_plural = words.at(i).ends_with("s") && words.at(i) != "ids";
    if (!narrower.empty()) {
      add_once(slots.components, narrower);
    } else {
      add_once(slots.components, role);
      for (const std::string& name : names) {
        if (is_plural && name.starts_with(role + "-")) add_once(slots.components, name);
      }
    }
    i += used - 1;
  }
  slots.component_said = !slots.components.empty();
}

bool is_rule_id(const Index& index, const std::string& word) {
  constexpr std::size_t kIdCharsMin = 4;
  const bool has_digit =
      std::any_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (word.size() < kIdCharsMin || (!has_digit && word.find('-') == std::string::npos))
    return false;
  Filter filter;
  filter.tables = {Table::rule};
  filter.key = word;
  filter.limit = 1;
  const auto found = index.count(filter);
  return found.ok() && *found > 0;
}

std::optional<std::uint64_t> whole(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  constexpr std::uint64_t kVersionMax = 1'000'000'000;
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != end || value > kVersionMax) {
    return std::nullopt;
  }
  return value;
}

// "v3", "version 3", "versions 3 and 5", "v3..v5", "3..5", "3 and 5" behind "between".
void read_versions(Slots& slots) {
  const Words& words = slots.untimed;
  bool counting = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string_view word = words.at(i);
    const std::size_t dots = word.find("..");
    if (dots != std::string_view::npos) {
      if (word.starts_with("v")) word.remove_prefix(1);
      const auto first = whole(word.substr(0, word.find("..")));
      std::string_view rest = word.substr(word.find("..") + 2);
      if (rest.starts_with("v")) rest.remove_prefix(1);
      const auto second = whole(rest);
      if (first && second) slots.versions.insert(slots.versions.end(), {*first, *second});
      continue;
    }
    const bool links = word == "and" || word == "to" || word == "with" || word == "vs" ||
                       word == "against" || word == "version" || word == "versions" ||
                       word == "or" || word == "revision";
    if (word == "version" || word == "versions" || word == "rev") counting = true;
    std::optional<std::uint64_t> number;
    if (word.starts_with("v")) {
      number = whole(word.substr(1));
      if (number) counting = true;
    } else if (counting) {
      number = whole(word);
    }
    if (number) slots.versions.push_back(*number);
    if (!number && !links) counting = false;
  }
  if (slots.time && slots.time->since_version != 0) {
    slots.versions.insert(slots.versions.begin(), slots.time->since_version);
  }
}

bool looks_like_address(const std::string& word) {
  constexpr std::ptrdiff_t kDots = 3;
  return std::count(word.begin(), word.end(), '.') == kDots &&
         word.find_first_not_of("0123456789./:") == std::string::npos;
}

// A kind as detectors reported it, whether the vocabulary has it or not.
std::string reported_kind(const Index& index, const Words& words) {
  constexpr std::size_t kKindsMax = 64;
  Filter filter;
  filter.tables = {Table::detection};
  const auto kinds = index.count_by(Column::kind, filter, kKindsMax);
  if (!kinds.ok()) return {};
  for (const Count& kind : *kinds) {
    const std::string name = lower(kind.value);
    for (const std::string& word : words.all()) {
      if (word == name || stem(word) == name) return kind.value;
    }
  }
  return {};
}

void read_places(const Index& index, Slots& slots) {
  const Words& words = slots.untimed;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string address = address_in(words.at(i));
    if (slots.address.empty() && !address.empty()) slots.address = address;
    if (address.empty() && looks_like_address(words.at(i))) slots.no_address = words.at(i);
    if (address.empty() && slots.rule_id.empty() && is_rule_id(index, words.at(i))) {
      slots.rule_id = words.at(i);
    }
    std::size_t used = 0;
    if (slots.kind.empty()) slots.kind = attack_kind_at(words, i, used);
  }
  const std::string reported = reported_kind(index, words);
  if (!reported.empty()) slots.kind = reported;
  slots.address_said = !slots.address.empty();
  slots.rule_said = !slots.rule_id.empty();
}

// "what did alice do", "by alice", "alice's changes", "has alice done".
void read_actor(const wire::Question& question, const std::vector<std::string>& actors,
                Slots& slots) {
  const Words& words = slots.untimed;
  const auto is_me = [](const std::string& word) {
    return word == "i" || word == "me" || word == "my" || word == "myself";
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words.at(i);
    std::size_t before = i;
    if (before > 0 && words.at(before - 1) == "the") --before;
    const Words link({before == 0 ? std::string() : words.at(before - 1)});
    const bool asks = link.any({"did", "by", "has", "operator", "user", "of"});
    if (is_me(word) && (asks || word == "my")) slots.actor = question.asked_by;
    if (!slots.actor.empty()) return;
    for (const std::string& actor : actors) {
      std::size_t used = 0;
      const bool is_component = !role_at(words, i, used).empty();
      const bool named = word == lower(actor) || word == lower(actor) + "s";
      if (named && !is_component && (asks || !is_domain_word(word))) slots.actor = actor;
    }
  }
  // A name that nobody knows: "what did bob do", "what has bob done".
  if (!slots.actor.empty() || !slots.components.empty() || slots.address_said) return;
  constexpr std::array<std::pair<const char*, const char*>, 2> kAsked = {
      {{"what did", "do"}, {"what has", "done"}}};
  for (const auto& [begin, end] : kAsked) {
    const std::size_t at = words.find(begin);
    if (at >= words.size() || at + 3 >= words.size() || words.at(at + 3) != end) continue;
    if (!is_stop_word(words.at(at + 2))) slots.actor = words.at(at + 2);
  }
}

void refer_back(const wire::Question& question, const std::vector<Record>& values, Slots& slots) {
  const wire::AskSubject& subject = question.subject;
  const Words& words = slots.untimed;
  slots.refers_back = words.any({"it", "its", "that", "this", "them", "he", "him", "she", "there",
                                 "one", "same", "they"}) ||
                      words.size() <= 3;
  if (!slots.refers_back) return;
  if (!slots.address_said && !slots.rule_said) {
    slots.address = subject.address;
    slots.rule_id = subject.rule_id;
  }
  const bool said_nothing = !slots.address_said && !slots.rule_said && !slots.component_said;
  if (!slots.component_said && !subject.component.empty()) slots.components = {subject.component};
  if (slots.path_said || !said_nothing || subject.path.empty()) return;
  for (const Record& value : values) {
    if (value.component == subject.component && value.path == subject.path) {
      slots.path.values = {value};
      slots.path.score = 0;
    }
  }
}

}  // namespace

std::string address_in(const std::string& word) {
  std::string text = word;
  if (text.starts_with("[")) {
    const std::size_t close = text.find(']');
    if (close == std::string::npos) return {};
    text = text.substr(1, close - 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1 &&
             text.find('.') != std::string::npos) {
    text = text.substr(0, text.find(':'));
  }
  if (text.find_first_of(".:") == std::string::npos) return {};
  return parse_network_key(text) ? text : std::string();
}

Result<Slots> read_question(const wire::Question& question, const Index& index) {
  Slots slots;
  const std::vector<std::string> names =
      names_in(index, Column::component, {Table::component, Table::config_version});
  const std::vector<std::string> actors =
      names_in(index, Column::actor, {Table::audit, Table::config_version});
  Names known;
  for (const auto& list : {names, actors}) {
    for (const std::string& name : list) {
      known.insert(lower(name));
      // "the branch firewall": the part behind the role is a name, too.
      for (const char* role : {"sniffer-", "ml-detector-", "firewall-", "rag-"}) {
        if (name.starts_with(role)) known.insert(lower(name.substr(std::string(role).size())));
      }
    }
  }
  slots.words = normalise(std::string_view(question.text).substr(0, 4 * wire::kQuestionCharsMax),
                          spelling(), known);
  slots.untimed = slots.words;
  slots.time = find_time_phrase(slots.words, question.asked_at_ms, question.utc_offset_min);
  if (slots.time) slots.untimed.erase(slots.time->begin, slots.time->end);
  read_components(names, slots);
  read_versions(slots);
  read_places(index, slots);
  read_actor(question, actors, slots);
  auto values = values_at(index, "", question.asked_at_ms);
  if (!values.ok()) return values.error();
  const auto added = add_defaults(index, names, *values);
  if (!added.ok()) return added.error();
  std::vector<Record> meant;
  for (const Record& value : *values) {
    const bool wanted =
        slots.components.empty() || std::find(slots.components.begin(), slots.components.end(),
                                              value.component) != slots.components.end();
    if (wanted) meant.push_back(value);
  }
  slots.path = match_path(meant, slots.untimed);
  // "heartbeat interval of the sniffer" is a value that all components share.
  if (slots.path.score < 2 && !slots.components.empty()) {
    PathMatch anywhere = match_path(*values, slots.untimed);
    if (anywhere.exact && !anywhere.values.empty() &&
        anywhere.values.front().component == "global") {
      slots.path = std::move(anywhere);
    }
  }
  slots.path_said = slots.path.score > 0;
  refer_back(question, *values, slots);
  return slots;
}

}  // namespace mlguard::rag
