// `ml-detector train` and `ml-detector evaluate`: makes and judges models from labelled captures,
// without a control plane and without privileges.
#pragma once

namespace mlguard::ml_detector {

// True when the first argument asks for one of them.
bool wants_offline_mode(int argc, char** argv);
// Returns the exit code: 0, 1 when it failed (told on standard error), 2 for wrong arguments.
int run_offline(int argc, char** argv);

}  // namespace mlguard::ml_detector
