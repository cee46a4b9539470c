// What people and credentials did or were refused, and what the audit trail tells of the cluster.
#include <algorithm>
#include <array>

#include "rag/record_view.h"

namespace mlguard::rag {
namespace {

using base::Status;

constexpr std::size_t kRecordsSaid = 12;

std::string act_text(const Draft& draft, const Record& one) {
  std::string text = one_line(one.actor) + ": " + one_line(one.kind);
  if (!one.path.empty()) text += " " + one_line(one.path);
  const std::string what = audit_detail(one);
  if (!what.empty()) text += " (" + one_line(what) + ")";
  return text + ", " + draft.when(one.at_ms);
}

// "flows-v1 (8356fe…)", of what the detector says that it judges with.
std::string model_text(const Record& beat) {
  Record model;
  model.detail = detail_json_at(beat, "model");
  const std::string name = told(model, "name");
  const std::string sha256 = told(model, "sha256");
  return name.empty() || sha256.empty() ? name : name + " (" + sha256 + ")";
}

Status say_acts(const Asked& asked, Draft& draft, Filter filter, const std::string& said,
                const std::string& none) {
  put_time(asked.slots, filter);
  filter.limit = kRecordsSaid;
  const auto total = asked.index.count(filter);
  if (!total.ok()) return total.error();
  if (*total == 0) {
    say_none(draft, said, none + said_time(asked.slots) + ".");
    return {};
  }
  const auto found = asked.index.find(filter);
  if (!found.ok()) return found.error();
  const std::string how = std::to_string(*total) + " " + said + said_time(asked.slots) + ".";
  draft.say(how, {draft.cite_count(said, how)});
  for (const Record& one : *found) draft.say("- " + act_text(draft, one) + ".", {draft.cite(one)});
  return {};
}

Status say_refused(const Asked& asked, Draft& draft) {
  Filter filter;
  filter.tables = {Table::audit};
  filter.kind_prefix = "refused";
  filter.actor = asked.slots.actor.empty() ? asked.slots.component() : asked.slots.actor;
  const std::string of = filter.actor.empty() ? "" : " of " + one_line(filter.actor);
  return say_acts(asked, draft, filter, "refused requests" + of,
                  "No request" + of + " was refused");
}

Status say_actor(const Asked& asked, Draft& draft) {
  Filter filter;
  filter.tables = {Table::audit};
  filter.actor = asked.slots.actor;
  const std::string name = one_line(asked.slots.actor);
  return say_acts(asked, draft, filter, "acts of " + name, name + " did nothing that was recorded");
}

Status say_cluster(const Asked& asked, Draft& draft) {
  const Words& words = asked.slots.words;
  Filter filter;
  filter.tables = {Table::audit};
  if (words.any({"keys", "pipeline"})) {
    filter.kind_prefix = "pipeline-keys.";
    return say_acts(asked, draft, filter, "records of pipeline keys",
                    "No pipeline key was announced");
  }
  if (words.any({"token", "tokens"})) {
    filter.kind_prefix = "token.";
    return say_acts(asked, draft, filter, "records of tokens", "No token was made or revoked");
  }
  if (words.any({"enrolled", "enroled", "enrolment", "enrolments"})) {
    filter.kind_prefix = "identity.";
    return say_acts(asked, draft, filter, "records of enrolments", "Nobody enrolled");
  }
  if (words.any({"member", "members", "node", "nodes", "joined"})) {
    filter.kind_prefix = "members.";
    return say_acts(asked, draft, filter, "changes of the members", "The members did not change");
  }
  Filter changes;
  changes.tables = {Table::change};
  put_time(asked.slots, changes);
  changes.kind_prefix = "leader";
  changes.limit = kRecordsSaid;
  const auto found = asked.index.find(changes);
  if (!found.ok()) return found.error();
  if (found->empty()) {
    const std::string sentence =
        "No change of the leader is recorded" + said_time(asked.slots) + ".";
    say_none(draft, "leader changes", sentence);
    draft.say("Who leads now: ml-guard leader", {draft.cite_count("leader changes", sentence)});
    return {};
  }
  for (const Record& one : *found) {
    draft.say(one_line(one.title) + ", " + draft.when(one.at_ms) + ".", {draft.cite(one)});
  }
  draft.say("Who leads now: ml-guard leader", {draft.cite(found->front())});
  return {};
}

}  // namespace

Status answer_people(const Asked& asked, Draft& draft) {
  switch (asked.intent) {
    case Intent::audit_refused: return say_refused(asked, draft);
    case Intent::actor_actions: return say_actor(asked, draft);
    default: return say_cluster(asked, draft);
  }
}

Status answer_model(const Asked& asked, Draft& draft) {
  const std::string detector =
      asked.slots.components.empty() ? std::string("ml-detector") : asked.slots.component();
  const auto values = values_at(asked.index, detector, asked.now_ms());
  if (!values.ok()) return values.error();
  Filter beat;
  beat.tables = {Table::health};
  beat.key = detector;
  const auto now = newest(asked.index, beat);
  if (!now.ok()) return now.error();
  bool said = false;
  if (*now) {
    const std::string model = model_text(**now);
    const std::string layers = told(**now, "layers");
    if (!model.empty() || !layers.empty()) {
      std::string sentence = detector + " judges with";
      if (!model.empty()) sentence += " the model " + one_line(model);
      if (!layers.empty())
        sentence += std::string(model.empty() ? "" : ";") + " " + one_line(layers);
      draft.say(sentence + ".", {draft.cite(**now)});
      said = true;
    }
  }
  for (const Record& value : *values) {
    if (!value.path.starts_with("model.") || value.value == "\"\"") continue;
    draft.say(value.path + " of " + detector + " is " + one_line(value.value) + ".",
              {draft.cite(value)});
    said = true;
  }
  draft.subject.component = detector;
  if (!said)
    say_none(draft, "model of " + detector, "Nothing is known of a model of " + detector + ".");
  Filter pushed;
  pushed.tables = {Table::audit};
  pushed.kind_prefix = "models.";
  return say_acts(asked, draft, pushed, "records of models", "No model was pushed or removed");
}

}  // namespace mlguard::rag
