#include "cli/version.h"

namespace mlguard::cli {

const char* const kVersion = MLGUARD_VERSION;

}  // namespace mlguard::cli
