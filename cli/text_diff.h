// Unified diffs of two texts, line by line (Myers 1986), as `diff -u` prints them. Stateless.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mlguard::cli {

// Above so many differing lines the search for the shortest diff stops, and the differing part is
// shown as removed and added whole: correct, only longer. Bounds memory to about 16 MB.
inline constexpr std::size_t kDiffEditsMax = 2'000;
inline constexpr std::size_t kDiffContextLines = 3;

// Empty when the texts are equal. A missing line break at the end is marked as diff marks it.
std::string unified_diff(std::string_view before, std::string_view after,
                         std::string_view before_name, std::string_view after_name);

}  // namespace mlguard::cli
