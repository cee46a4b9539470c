#include "agent/component_main.h"
#include "base/embedded.h"
#include "ml_detector/config_schema.h"
#include "ml_detector/offline_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kMlDetectorDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  if (mlguard::ml_detector::wants_offline_mode(argc, argv)) {
    return mlguard::ml_detector::run_offline(argc, argv);
  }
  mlguard::agent::ComponentSpec spec;
  spec.role = mlguard::base::Role::ml_detector;
  spec.about =
      "ml-detector: classifies flows, reports detections and makes blocking rules of them.";
  spec.default_config = mlguard::base::kMlDetectorDefaultConfig.front().content;
  spec.schema = mlguard::ml_detector::config_schema();
  return mlguard::agent::run_component(argc, argv, spec);
}
