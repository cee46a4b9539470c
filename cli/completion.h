// Completion scripts, written from the CLI11 tree. Names of components are asked of the server
// while somebody types. Stateless.
#pragma once

#include <string>

#include "base/result.h"

namespace CLI {
class App;
}

namespace mlguard::cli {

// shell: bash, zsh, fish. Error: usage.
base::Result<std::string> completion_script(const CLI::App& root, const std::string& shell);

}  // namespace mlguard::cli
