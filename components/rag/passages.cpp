// Everything that was not recognised: the best passages of the index, quoted sentence by sentence,
// or that nothing supports an answer.
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <set>

#include "rag/record_view.h"
#include "rag/vocabulary.h"

namespace mlguard::rag {
namespace {

using base::Result;
using base::Status;

constexpr std::size_t kHitsMax = 40;
constexpr std::size_t kSentencesSaid = 4;
constexpr std::size_t kSentencesOfOne = 2;
constexpr std::size_t kPassagesCited = 5;
constexpr std::size_t kGroupsMax = 12;
constexpr std::size_t kSentenceCharsMin = 12;
// So much of the question's words a passage must have, to be an answer to it.
constexpr double kCoveredShareMin = 0.5;

struct Group {
  std::string word;
  std::vector<std::string> words;  // with synonyms
  std::set<std::string> stems;
  bool domain = false;
  bool known = false;  // Stands somewhere in the index.
  double weight = 1;   // Words that few sections have tell more.
};

std::vector<Group> groups_of(const Asked& asked) {
  std::vector<Group> groups;
  std::set<std::string> seen;
  for (const std::string& word : asked.slots.untimed.all()) {
    if (is_stop_word(word) || word.size() < 2 || groups.size() >= kGroupsMax) continue;
    if (!seen.insert(stem(word)).second) continue;
    Group group;
    group.word = word;
    group.words = synonyms(word);
    for (const std::string& each : group.words) group.stems.insert(stem(each));
    // FTS finds words as they are written: the plain stem finds more.
    group.words.push_back(stem(word));
    group.domain = is_domain_word(word);
    groups.push_back(std::move(group));
  }
  return groups;
}

std::set<std::string> stems_in(std::string_view text) {
  std::set<std::string> stems;
  std::string word;
  const auto take = [&] {
    if (!word.empty()) stems.insert(stem(word));
    word.clear();
  };
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '_') {
      word += static_cast<char>(std::tolower(byte));
    } else {
      take();  // "ml-detector" and "thresholds.block" are found by their parts.
    }
  }
  take();
  return stems;
}

std::size_t matched(const std::vector<Group>& groups, const std::set<std::string>& stems) {
  return static_cast<std::size_t>(
      std::count_if(groups.begin(), groups.end(), [&](const Group& group) {
        return std::any_of(group.stems.begin(), group.stems.end(),
                           [&](const std::string& each) { return stems.contains(each); });
      }));
}

// Whether a group stands anywhere, and how few sections of the documentation have it.
Status look_up(const Asked& asked, Group& group) {
  SearchQuery query;
  query.groups = {group.words};
  query.filter.limit = 1;
  query.now_ms = asked.now_ms();
  const auto hits = asked.index.search(query);
  if (!hits.ok()) return hits.error();
  group.known = !hits->empty();
  query.filter.tables = {Table::doc};
  query.filter.limit = kSearchMax;
  const auto sections = asked.index.search(query);
  if (!sections.ok()) return sections.error();
  // As inverse document frequency (Sparck Jones, 1972), of what a search can count.
  constexpr double kCommonWeight = 0.6;
  group.weight = kCommonWeight + std::log2(static_cast<double>(kSearchMax + 1) /
                                           static_cast<double>(sections->size() + 1)) /
                                     std::log2(static_cast<double>(kSearchMax + 1));
  return {};
}

Result<std::vector<Hit>> search(const Asked& asked, const std::vector<Group>& groups,
                                std::vector<Table> tables) {
  SearchQuery query;
  for (const Group& group : groups) query.groups.push_back(group.words);
  query.filter.tables = std::move(tables);
  query.filter.limit = kHitsMax;
  query.now_ms = asked.now_ms();
  // Documentation has no time.
  if (!asks_documentation(asked.slots)) put_time(asked.slots, query.filter);
  return asked.index.search(query);
}

// What is written for those who build this product answers its operators last.
bool is_for_builders(const Record& record) {
  return record.table == Table::doc &&
         (record.path == "docs/testing.md" || record.path == "docs/model-card.md");
}

// The index ranks by all words alike. What is asked in the very words of a heading is answered
// below it, and a word itself is worth more than one that means about the same.
double closeness(const Record& record, const std::vector<Group>& groups) {
  constexpr double kTitleWord = 1.6;
  constexpr double kTitleSynonym = 0.5;
  constexpr double kWord = 1.0;
  constexpr double kSynonym = 0.4;
  // The last part of a title is the section's own.
  const std::size_t colon = record.title.rfind(": ");
  const std::set<std::string> title =
      stems_in(colon == std::string::npos ? record.title : record.title.substr(colon + 2));
  const std::set<std::string> page = stems_in(record.title + " " + record.path);
  const std::set<std::string> text = stems_in(record.text);
  const auto any_of = [](const Group& group, const std::set<std::string>& stems) {
    return std::any_of(group.stems.begin(), group.stems.end(),
                       [&](const std::string& each) { return stems.contains(each); });
  };
  double sum = 0;
  for (const Group& group : groups) {
    const std::string word = stem(group.word);
    const double in_title = title.contains(word)   ? kTitleWord
                            : any_of(group, title) ? kTitleSynonym
                                                   : 0;
    const bool here = text.contains(word) || page.contains(word);
    const double in_text = here ? kWord : any_of(group, text) ? kSynonym : 0;
    sum += group.weight * (in_title + in_text);
  }
  return sum;
}

Result<std::vector<Hit>> hits_of(const Asked& asked, const std::vector<Group>& groups) {
  std::vector<Table> tables;
  if (asks_documentation(asked.slots)) tables = {Table::doc};
  auto hits = search(asked, groups, std::move(tables));
  if (!hits.ok()) return hits;
  constexpr double kPlaceShare = 0.06;
  constexpr double kForBuildersShare = 0.5;
  for (std::size_t i = 0; i < hits->size(); ++i) {
    Hit& hit = (*hits)[i];
    hit.rank = closeness(hit.record, groups) - kPlaceShare * static_cast<double>(i);
    if (is_for_builders(hit.record)) hit.rank *= kForBuildersShare;
  }
  std::stable_sort(hits->begin(), hits->end(),
                   [](const Hit& a, const Hit& b) { return a.rank > b.rank; });
  return hits;
}

// Diagrams and code are no sentences.
bool is_drawn(std::string_view text) {
  for (const std::string_view stroke : {"\u2502", "\u2500", "\u25ba", "\u25b6", "    "}) {
    if (text.find(stroke) != std::string_view::npos) return true;
  }
  return false;
}

bool ends_sentence(std::string_view text, std::size_t at) {
  if (text[at] == '\n') {
    const bool paragraph = at + 1 < text.size() && text[at + 1] == '\n';
    // What is indented goes on with an item, unless it is one itself.
    const std::size_t next = text.find_first_not_of(' ', at + 1);
    const bool item = next != std::string_view::npos &&
                      (text[next] == '-' || text[next] == '|' || text[next] == '#');
    return paragraph || item;
  }
  const bool stop = text[at] == '.' || text[at] == '?' || text[at] == '!';
  return stop && at + 1 < text.size() && (text[at + 1] == ' ' || text[at + 1] == '\n');
}

bool is_table_rule(std::string_view text) {
  return text.find_first_not_of("|-: \n") == std::string_view::npos;
}

std::vector<std::string> sentences_of(const Record& record) {
  std::vector<std::string> sentences;
  const bool is_doc = record.table == Table::doc;
  std::size_t begin = 0;
  const std::string& text = record.text;
  const auto take = [&](std::size_t end) {
    std::string_view sentence = std::string_view(text).substr(begin, end - begin);
    begin = end;
    if (is_table_rule(sentence) || is_drawn(sentence)) return;
    while (!sentence.empty() && (sentence.front() == ' ' || sentence.front() == '\n' ||
                                 sentence.front() == '-' || sentence.front() == '|')) {
      sentence.remove_prefix(1);
    }
    if (sentence.size() >= kSentenceCharsMin) sentences.push_back(one_line(sentence));
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (ends_sentence(text, at) || (!is_doc && text[at] == '\n')) take(at + 1);
  }
  take(text.size());
  return sentences;
}

struct Candidate {
  std::string sentence;
  std::size_t hit = 0;
  double score = 0;
};

std::vector<Candidate> candidates_of(const std::vector<Hit>& hits,
                                     const std::vector<Group>& groups) {
  std::vector<Candidate> all;
  constexpr double kRankShare = 0.15;  // what one place in the ranking is worth, in groups
  constexpr double kFirstShare = 0.05;
  for (std::size_t i = 0; i < hits.size() && i < kPassagesCited; ++i) {
    std::size_t place = 0;
    for (std::string& sentence : sentences_of(hits[i].record)) {
      const std::size_t found = matched(groups, stems_in(sentence));
      const double score = static_cast<double>(found) - kRankShare * static_cast<double>(i) -
                           kFirstShare * static_cast<double>(std::min<std::size_t>(place++, 8));
      if (found > 0) all.push_back({std::move(sentence), i, score});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Candidate& a, const Candidate& b) { return a.score > b.score; });
  return all;
}

void say_hits(Draft& draft, const std::vector<Hit>& hits, const std::vector<Group>& groups) {
  // In the order of the ranking: the first five citations are the five best passages.
  Cited cited;
  for (std::size_t i = 0; i < hits.size() && i < kPassagesCited; ++i) {
    cited.push_back(draft.cite(hits[i].record));
  }
  std::vector<std::size_t> used(cited.size());
  std::size_t said = 0;
  for (const Candidate& candidate : candidates_of(hits, groups)) {
    if (said >= kSentencesSaid) break;
    if (used[candidate.hit] >= kSentencesOfOne) continue;
    ++used[candidate.hit];
    ++said;
    draft.say(candidate.sentence, {cited[candidate.hit]});
  }
  for (std::size_t i = 0; i < cited.size(); ++i) {
    if (used[i] == 0) draft.say("See also: " + one_line(hits[i].record.title), {cited[i]});
  }
}

void say_unknown(Draft& draft, const std::vector<Group>& groups) {
  std::string about;
  for (const Group& group : groups) {
    if (group.domain || !group.known) about += (about.empty() ? "" : ", ") + one_line(group.word);
  }
  draft.known = false;
  draft.say(
      "I don't know: nothing in the control plane's records or its documentation supports an "
      "answer" +
          (about.empty() ? std::string(".") : " about " + about + "."),
      {});
  draft.say(
      "You can ask about components and their health, configurations, rules and why an address "
      "is blocked, detections, and what changed. What can I ask? shows examples.",
      {});
}

// Whether the best passage is about what was asked: enough of the words, and one of our world.
bool supports(const std::vector<Hit>& hits, const std::vector<Group>& groups) {
  if (hits.empty()) return false;
  const std::size_t unknown = static_cast<std::size_t>(
      std::count_if(groups.begin(), groups.end(), [](const Group& group) { return !group.known; }));
  if (2 * unknown >= groups.size() && unknown > 0) return false;
  const bool domain =
      std::any_of(groups.begin(), groups.end(), [](const Group& group) { return group.domain; });
  if (!domain) return false;
  std::size_t best = 0;
  for (std::size_t i = 0; i < hits.size() && i < kPassagesCited; ++i) {
    const Record& record = hits[i].record;
    best = std::max(best,
                    matched(groups, stems_in(record.title + " " + record.text + " " + record.key)));
  }
  return static_cast<double>(best) >= kCoveredShareMin * static_cast<double>(groups.size()) &&
         (best >= 2 || groups.size() == 1);
}

}  // namespace

Status answer_passages(const Asked& asked, Draft& draft) {
  std::vector<Group> groups = groups_of(asked);
  if (groups.empty()) {
    say_unknown(draft, groups);
    return {};
  }
  for (Group& group : groups) {
    if (Status found = look_up(asked, group); !found.ok()) return found;
    // A name as it stands in a configuration or a counter is of our world.
    const bool is_name = group.word.find('_') != std::string::npos;
    group.domain = group.domain || (group.known && is_name);
  }
  const auto hits = hits_of(asked, groups);
  if (!hits.ok()) return hits.error();
  if (!supports(*hits, groups)) {
    say_unknown(draft, groups);
    return {};
  }
  say_hits(draft, *hits, groups);
  return {};
}

}  // namespace mlguard::rag
