// The rag program online: flags, an Agent, the index and what keeps it up to date, and LiveRag in
// between. Blocks until it is stopped.
#pragma once

#include <string>

namespace mlguard::rag {

// Returns the process's exit code. `default_config`: data/configs/rag.json.
int run_live_mode(int argc, char** argv, const std::string& default_config);

}  // namespace mlguard::rag
