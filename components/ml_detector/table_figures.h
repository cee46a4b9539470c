// The figures on tables of others (table_sources.h): models of their own (table_trainer.h), trained
// on some tables of a source and judged on others that had no part in any choice. They say what the
// inputs that a table tells are worth; the model that ships has no part in it.
// Stateless; safe from any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "ml_detector/trainer.h"

namespace mlguard::ml_detector {

inline constexpr double kLuflowBaselineF1 = 0.914;  // of ../shared/data/README.md

// All of them as Markdown, of `folder`/{luflow,ctu13,zeek}, each with its headline; a sentence
// where a folder is absent. Errors: those of table_trainer.h and flow_table.h.
base::Result<std::string> tables_text(const std::string& folder, const Say& say);
// LUFlow: trained on the days of `folder`/train, judged on those of `folder`/eval.
base::Result<std::string> luflow_text(const std::string& folder, const Say& say);
// CTU-13: each scenario of `folder` judged by a model of the others.
base::Result<std::string> ctu13_text(const std::string& folder, const Say& say);
// Zeek: each capture judged by a model of the others; then the days of CTU by a model of IoT-23's
// captures, and the other way round.
base::Result<std::string> zeek_text(const std::string& folder, const Say& say);

}  // namespace mlguard::ml_detector
