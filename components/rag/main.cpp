#include <string>
#include <vector>

#include "base/embedded.h"
#include "rag/evaluation.h"
#include "rag/live_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kRagDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  if (mlguard::rag::wants_evaluation(argc, argv)) return mlguard::rag::run_evaluation(argc, argv);
  const std::string config(mlguard::base::kRagDefaultConfig.front().content);
  return mlguard::rag::run_live_mode(argc, argv, config);
}
