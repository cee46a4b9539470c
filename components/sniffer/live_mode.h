// The sniffer as a component of the control plane, or on this machine's interfaces by itself
// (--standalone), for a look at what goes by; and the cleaning up after one that was killed
// (--detach).
#pragma once

#include <string>

namespace mlguard::sniffer {

// True when the arguments ask for it.
bool wants_standalone_mode(int argc, char** argv);
// Runs until Ctrl-C or SIGTERM. Exit codes: 0; 1 it could not attach or write; 2 wrong flags.
int run_standalone_mode(int argc, char** argv);

// True when the arguments ask for it.
bool wants_detach_mode(int argc, char** argv);
// Takes off what a killed sniffer left attached. Exit codes: 0; 1 a sniffer still runs there, or
// the kernel refused; 2 wrong flags.
int run_detach_mode(int argc, char** argv);

// The component: registered, configured, beating; on this machine's interfaces, or (--replay) on a
// capture. `default_config`: data/configs/sniffer.json. Exit codes: those of agent.h; with
// --replay 0 also when the capture was played, 1 when it could not be played to its end.
int run_live_mode(int argc, char** argv, const std::string& default_config);

}  // namespace mlguard::sniffer
