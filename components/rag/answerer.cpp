#include "rag/answerer.h"

#include "rag/answers.h"
#include "rag/intent_model.h"

namespace mlguard::rag {
namespace {

using base::Status;

Status answer_as(const Asked& asked, Draft& draft) {
  switch (asked.intent) {
    case Intent::status_overall: return answer_status(asked, draft);
    case Intent::unhealthy:
    case Intent::component_health:
    case Intent::components_list: return answer_health(asked, draft);
    case Intent::config_value:
    case Intent::config_author: return answer_config(asked, draft);
    case Intent::config_history:
    case Intent::config_diff: return answer_config_versions(asked, draft);
    case Intent::why_blocked:
    case Intent::is_blocked:
    case Intent::block_end:
    case Intent::who_blocked: return answer_blocked(asked, draft);
    case Intent::timeline: return answer_timeline(asked, draft);
    case Intent::rules_list:
    case Intent::rules_count: return answer_rules(asked, draft);
    case Intent::changes_since: return answer_changes(asked, draft);
    case Intent::top_sources:
    case Intent::detections_list:
    case Intent::detections_count:
    case Intent::latest_attack: return answer_detections(asked, draft);
    case Intent::model_info: return answer_model(asked, draft);
    case Intent::audit_refused:
    case Intent::actor_actions:
    case Intent::cluster_changes: return answer_people(asked, draft);
    case Intent::help: answer_help(draft); return {};
    case Intent::propose:
    case Intent::act_refused: return answer_wish(asked, draft);
    case Intent::passages: return answer_passages(asked, draft);
  }
  return {};
}

class IndexAnswerer final : public Answerer {
 public:
  explicit IndexAnswerer(const Index& index) : index_(index) {
    IntentModel::shipped();  // Fitted now, so that no question waits for it.
  }

  base::Result<wire::Answer> answer(const wire::Question& question,
                                    const AnswerOptions& options) const override {
    const auto slots = read_question(question, index_);
    if (!slots.ok()) return slots.error();
    const Asked asked{question, index_, options, *slots, recognise(*slots)};
    Draft draft(question, index_.revision());
    const auto answered = answer_as(asked, draft);
    if (!answered.ok()) return answered.error();
    wire::Answer answer = std::move(draft).finish(to_string(asked.intent));
    answer.state_age_ms = options.state_age_ms;
    return answer;
  }

 private:
  const Index& index_;
};

}  // namespace

std::unique_ptr<Answerer> Answerer::make(const Index& index) {
  return std::make_unique<IndexAnswerer>(index);
}

void answer_help(Draft& draft) {
  draft.say("Ask in plain words. For example:", {});
  for (const char* example :
       {"- is everything ok", "- which components are unhealthy", "- why is ADDRESS blocked",
        "- when does the block of ADDRESS end", "- what changed since yesterday",
        "- show me the detector's threshold", "- who changed it", "- how many port scans today",
        "- top offenders", "- any refused requests", "- how does failover work"}) {
    draft.say(example, {});
  }
  draft.say(
      "I can propose, for your yes: raise it to VALUE; block ADDRESS for an hour; unblock "
      "ADDRESS; roll back the firewall's config.",
      {});
}

}  // namespace mlguard::rag
