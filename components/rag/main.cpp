#include "agent/component_main.h"
#include "base/embedded.h"
#include "rag/config_schema.h"
#include "rag/evaluation.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kRagDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  if (mlguard::rag::wants_evaluation(argc, argv)) return mlguard::rag::run_evaluation(argc, argv);
  mlguard::agent::ComponentSpec spec;
  spec.role = mlguard::base::Role::rag;
  spec.about = "rag: answers questions about configurations, detections, rules and health.";
  spec.default_config = mlguard::base::kRagDefaultConfig.front().content;
  spec.schema = mlguard::rag::config_schema();
  return mlguard::agent::run_component(argc, argv, spec);
}
