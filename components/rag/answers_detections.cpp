// Detections: listed, counted, the newest, and who is behind most of them.
#include "rag/explanation.h"
#include "rag/record_view.h"
#include "rag/vocabulary.h"

namespace mlguard::rag {
namespace {

using base::Status;

constexpr std::size_t kDetectionsSaid = 10;
constexpr std::size_t kTopSaid = 10;
constexpr std::size_t kNewestCited = 3;

// "port scan (portscan) detections from 10.0.0.5 since …".
struct Selection {
  Filter filter;
  std::string against;  // an address that was attacked; the index has no column to ask it by
  std::string said;
};

// "attacks on 10.0.0.5", "who attacked 10.0.0.5".
bool is_victim(const Slots& slots) {
  const Words& words = slots.words;
  if (slots.address.empty()) return false;
  std::size_t place = words.find(slots.address);
  // "on the server 10.0.0.5": what it is may stand between.
  constexpr std::size_t kWordsBetweenMax = 3;
  std::size_t between = 0;
  const auto says_what = [](const std::string& word) {
    return Words({word}).any({"the", "our", "my", "server", "host", "machine", "pc", "computer",
                              "printer", "address", "ip", "box", "client", "node", "system"});
  };
  while (place > 0 && between < kWordsBetweenMax && says_what(words.at(place - 1))) {
    --place;
    ++between;
  }
  const std::string before = place == 0 || place >= words.size() ? "" : words.at(place - 1);
  const Words link({before});
  return link.any({"on", "against", "to", "at", "attacked", "attacking", "targeting", "hit",
                   "hitting", "scanned", "scanning", "of"}) &&
         !words.any_phrase({"detections of", "attacks of", "scans of"});
}

bool is_against(const Record& detection, const std::string& address) {
  const std::string& to = detection.destination;
  return to == address || to.starts_with(address + ":") || to.starts_with("[" + address + "]");
}

Selection selection_of(const Asked& asked) {
  const Slots& slots = asked.slots;
  Selection selection;
  Filter& filter = selection.filter;
  filter.tables = {Table::detection};
  filter.kind = slots.kind;
  filter.address = slots.address;
  if (!slots.components.empty() && slots.component().starts_with("ml-detector") &&
      slots.component() != "ml-detector") {
    filter.component = slots.component();
  }
  if (is_victim(slots)) {
    selection.against = slots.address;
    filter.address.clear();
  }
  put_time(slots, filter);
  filter.limit = kDetectionsSaid;
  selection.said = "detections";
  if (!filter.kind.empty()) selection.said += " of kind " + attack_name(filter.kind);
  if (!filter.address.empty()) selection.said += " from " + filter.address;
  if (!selection.against.empty()) selection.said += " against " + selection.against;
  selection.said += said_time(slots);
  return selection;
}

void say_detection_line(Draft& draft, const Record& one) {
  std::string sentence = one.address + ": " + attack_name(one.kind);
  if (!one.destination.empty()) sentence += " against " + one.destination;
  sentence += ", score " + figure_text(one.score) + ", " + draft.when(one.at_ms);
  const std::string why = not_blocked_because(one);
  if (!one.related.empty()) {
    sentence += "; blocked by the rule " + one.related;
  } else if (!why.empty()) {
    sentence += "; not blocked, because " + why;
  }
  draft.say(sentence + ".", {draft.cite(one)});
}

Status say_latest(const Asked& asked, Draft& draft, const Selection& selection) {
  const auto latest = newest(asked.index, selection.filter);
  if (!latest.ok()) return latest.error();
  if (!*latest) {
    say_none(draft, selection.said, "There are no " + selection.said + ".");
    return {};
  }
  const Record& one = **latest;
  say_detection_line(draft, one);
  const std::string explanation = explanation_of(one);
  const std::size_t cited = draft.cite(one);
  if (!explanation.empty()) draft.say(explanation + ".", {cited});
  draft.say("More: ml-guard detections explain " + one.key, {cited});
  draft.subject.address = one.address;
  return {};
}

// "By kind: portscan 7, ddos 2." and the like, most frequent first.
base::Result<std::string> by_column(const Index& index, const Filter& filter, Column column) {
  const auto counts = index.count_by(column, filter, kTopSaid);
  if (!counts.ok()) return counts.error();
  std::string text;
  for (const Count& count : *counts) {
    if (count.value.empty()) continue;
    text += (text.empty() ? "" : ", ") + count.value + " " + std::to_string(count.records);
  }
  return text;
}

// Counted here, one by one: there is no column of what was attacked.
Status say_against(const Asked& asked, Draft& draft, Selection selection) {
  selection.filter.limit = kFindMax;
  auto found = asked.index.find(selection.filter);
  if (!found.ok()) return found.error();
  std::erase_if(*found, [&](const Record& one) { return !is_against(one, selection.against); });
  draft.subject.address = selection.against;
  if (found->empty()) {
    say_none(draft, selection.said, "There are no " + selection.said + ".");
    return {};
  }
  const std::string how = std::to_string(found->size()) + " " + selection.said + ".";
  draft.say(how, {draft.cite_count(selection.said, how)});
  for (std::size_t i = 0; i < found->size() && i < kDetectionsSaid; ++i) {
    say_detection_line(draft, (*found)[i]);
  }
  return {};
}

Status say_counted(const Asked& asked, Draft& draft, const Selection& selection) {
  const auto total = asked.index.count(selection.filter);
  if (!total.ok()) return total.error();
  if (*total == 0) {
    say_none(draft, selection.said, "There are no " + selection.said + ".");
    return {};
  }
  const auto found = asked.index.find(selection.filter);
  if (!found.ok()) return found.error();
  std::string how = std::to_string(*total) + " " + selection.said + ".";
  const std::string sentence = how;
  const auto kinds = by_column(asked.index, selection.filter, Column::kind);
  if (!kinds.ok()) return kinds.error();
  const auto sources = by_column(asked.index, selection.filter, Column::address);
  if (!sources.ok()) return sources.error();
  how += " By kind: " + *kinds + ". By source: " + *sources + ".";
  const std::size_t count = draft.cite_count(selection.said, how);
  Cited cited = {count};
  const bool counting = asked.intent == Intent::detections_count;
  if (counting) {
    for (const std::size_t number : draft.cite_all(*found, kNewestCited)) cited.push_back(number);
  }
  draft.say(sentence, cited);
  if (counting && selection.filter.kind.empty()) draft.say("By kind: " + *kinds + ".", {count});
  if (counting && selection.filter.address.empty()) {
    draft.say("By source: " + *sources + ".", {count});
  }
  const std::size_t most = counting ? 1 : kDetectionsSaid;
  for (std::size_t i = 0; i < found->size() && i < most; ++i) {
    say_detection_line(draft, (*found)[i]);
  }
  if (found->size() == 1) draft.subject.address = found->front().address;
  if (!selection.filter.address.empty()) draft.subject.address = selection.filter.address;
  return {};
}

Status say_top(const Asked& asked, Draft& draft, const Selection& selection) {
  const bool victims =
      asked.slots.words.any({"attacked", "target", "targets", "targeted", "victim", "victims",
                             "destination", "destinations"}) ||
      asked.slots.words.any_phrase({"of our machines", "of our servers", "of our hosts",
                                    "of our computers", "our machine", "our server", "gets hit",
                                    "is hit", "being hit", "get hit"});
  const Column column = victims ? Column::destination : Column::address;
  const auto counts = asked.index.count_by(column, selection.filter, kTopSaid);
  if (!counts.ok()) return counts.error();
  if (counts->empty()) {
    say_none(draft, selection.said, "There are no " + selection.said + ".");
    return {};
  }
  const std::string by = victims ? "destination" : "source";
  std::string how = "Of the " + selection.said + ", by " + by + ":";
  for (const Count& count : *counts) {
    how += " " + count.value + " " + std::to_string(count.records) + ";";
  }
  const std::size_t cited = draft.cite_count(selection.said + " by " + by, how);
  for (const Count& count : *counts) {
    Filter last;
    last.tables = {Table::detection};
    last.key = count.newest_key;
    const auto record = newest(asked.index, last);
    if (!record.ok()) return record.error();
    std::string sentence = (count.value.empty() ? "(no address)" : count.value) + ": " +
                           plural(count.records, "detection");
    Cited marks = {cited};
    if (*record) {
      sentence +=
          ", the last a " + attack_name((*record)->kind) + " " + draft.when((*record)->at_ms);
      marks.push_back(draft.cite(**record));
    }
    draft.say(sentence + ".", marks);
  }
  if (!victims) draft.subject.address = counts->front().value;
  return {};
}

}  // namespace

Status answer_detections(const Asked& asked, Draft& draft) {
  const Selection selection = selection_of(asked);
  if (!selection.against.empty()) return say_against(asked, draft, selection);
  switch (asked.intent) {
    case Intent::latest_attack: return say_latest(asked, draft, selection);
    case Intent::top_sources: return say_top(asked, draft, selection);
    default: return say_counted(asked, draft, selection);
  }
}

}  // namespace mlguard::rag
