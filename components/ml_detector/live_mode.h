// `ml-detector` as it runs beside a control plane: an Agent (agent/agent.h) with a LiveDetector.
#pragma once

#include <string>

namespace mlguard::ml_detector {

// Returns the exit code. `default_config`: uploaded when the control plane has none.
int run_live_mode(int argc, char** argv, const std::string& default_config);

}  // namespace mlguard::ml_detector
