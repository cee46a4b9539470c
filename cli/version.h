// The product's version, from CMakeLists.txt.
#pragma once

namespace mlguard::cli {

extern const char* const kVersion;

}  // namespace mlguard::cli
