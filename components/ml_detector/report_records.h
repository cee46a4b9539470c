// What a report becomes for the control plane: a detection and, with a block, a rule. Stateless;
// safe from any thread.
#pragma once

#include <string>

#include "base/model.h"
#include "ml_detector/judge.h"

namespace mlguard::ml_detector {

// One for each detector and source, so that a rule that is made again (after a restart, by a source
// that comes back) takes the place of the old one.
// Whether the id is of the kind that rule_id_of() makes, whoever made it.
bool is_rule_id(const std::string& id);
std::string rule_id_of(const std::string& detector, const flow::Address& source);

// `id`: of the detection. Times are wall times.
base::Detection detection_of(const ToldReport& told, const std::string& detector,
                             const std::string& id, std::int64_t now_ms);
// REQUIRES: told.report.block.
base::Rule rule_of(const ToldReport& told, const std::string& detector);

}  // namespace mlguard::ml_detector
