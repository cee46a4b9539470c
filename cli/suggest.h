// Guessing what a mistyped word was meant to be. Stateless.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::cli {

// Insertions, deletions, substitutions and swaps of neighbours between the two words (optimal
// string alignment distance).
std::size_t edit_distance(std::string_view a, std::string_view b);

// The candidate nearest to `word`, or empty when none is near enough to be a typo of it. A word
// that begins exactly one candidate means that one.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mlguard::cli
