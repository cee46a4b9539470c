// What to type next after an error: the second line of every complaint. Stateless.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/settings.h"

namespace mlguard::cli {

// A command line, or empty when the message says all there is. `subject` is what the command was
// about ("sniffer"); empty when it was about nothing in particular.
std::string advice_for(const base::Error& error, const std::string& subject,
                       const Settings& settings);

}  // namespace mlguard::cli
