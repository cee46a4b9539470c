#include <string>
#include <vector>

#include "base/embedded.h"
#include "ml_detector/live_mode.h"
#include "ml_detector/offline_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kMlDetectorDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  if (mlguard::ml_detector::wants_offline_mode(argc, argv)) {
    return mlguard::ml_detector::run_offline(argc, argv);
  }
  const std::string config(mlguard::base::kMlDetectorDefaultConfig.front().content);
  return mlguard::ml_detector::run_live_mode(argc, argv, config);
}
