#include "cli/suggest.h"

#include <algorithm>

namespace mlguard::cli {
namespace {

// A third of the letters may be wrong, and at least one: "rle" is "rule", "xyz" is nothing.
constexpr std::size_t kLettersPerError = 3;

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<std::size_t> two_ago(width);
  std::vector<std::size_t> previous(width);
  std::vector<std::size_t> row(width);
  for (std::size_t j = 0; j < width; ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j < width; ++j) {
      const std::size_t substitution = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({previous[j] + 1, row[j - 1] + 1, substitution});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_ago[j - 2] + 1);
    }
    two_ago.swap(previous);
    previous.swap(row);
  }
  return previous[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  std::string begun;
  std::size_t begun_count = 0;
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / kLettersPerError) + 1;
  for (const std::string& candidate : candidates) {
    if (word.size() >= 2 && candidate.starts_with(word)) {
      begun = candidate;
      ++begun_count;
    }
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return begun_count == 1 ? begun : best;
}

}  // namespace mlguard::cli
