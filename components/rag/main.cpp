#include <string>
#include <vector>

#include "base/embedded.h"
#include "rag/live_mode.h"

namespace mlguard::base {
extern const std::vector<EmbeddedFile> kRagDefaultConfig;
}  // namespace mlguard::base

int main(int argc, char** argv) {
  const std::string config(mlguard::base::kRagDefaultConfig.front().content);
  return mlguard::rag::run_live_mode(argc, argv, config);
}
