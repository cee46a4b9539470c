// One clear line for what the kernel refused: what was tried, why it may have failed, what to do.
// Stateless; safe from any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::xdp {

inline constexpr int kKernelMajorMin = 5;
inline constexpr int kKernelMinorMin = 18;

// `error`: an errno value (positive or negative).
base::Error kernel_error(const std::string& tried, int error);

// `release` as uname -r says it. Error: unsupported.
base::Status check_kernel_release(std::string_view release);

}  // namespace mlguard::xdp
