// The answers to what was recognised, each from the index's columns: one function for each family
// of intents, all alike. They say sentences into a draft; the draft keeps what those stand on.
//
// Errors: the index's. Threads: as the Index.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "rag/answerer.h"
#include "rag/draft.h"
#include "rag/index.h"
#include "rag/intent.h"
#include "rag/question.h"

namespace mlguard::rag {

struct Asked {
  const wire::Question& question;
  const Index& index;
  const AnswerOptions& options;
  const Slots& slots;
  Intent intent = Intent::passages;

  std::int64_t now_ms() const { return question.asked_at_ms; }
};

base::Status answer_health(const Asked& asked, Draft& draft);
base::Status answer_status(const Asked& asked, Draft& draft);
base::Status answer_config(const Asked& asked, Draft& draft);
base::Status answer_config_versions(const Asked& asked, Draft& draft);
base::Status answer_blocked(const Asked& asked, Draft& draft);
base::Status answer_rules(const Asked& asked, Draft& draft);
base::Status answer_detections(const Asked& asked, Draft& draft);
base::Status answer_changes(const Asked& asked, Draft& draft);
base::Status answer_timeline(const Asked& asked, Draft& draft);
base::Status answer_people(const Asked& asked, Draft& draft);
base::Status answer_model(const Asked& asked, Draft& draft);
base::Status answer_passages(const Asked& asked, Draft& draft);
base::Status answer_wish(const Asked& asked, Draft& draft);
void answer_help(Draft& draft);

}  // namespace mlguard::rag
