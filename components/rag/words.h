// Words: a question as rag looks at it: lower case, without punctuation, contractions written out,
// the short forms of tired people ("y", "fw", "pls") and typing mistakes in known words corrected.
// Addresses, times, paths and ids stay as they are. Plain values, pure functions; any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::rag {

inline constexpr std::size_t kWordsMax = 200;

class Words {
 public:
  Words() = default;
  explicit Words(std::vector<std::string> words) : words_(std::move(words)) {}

  const std::vector<std::string>& all() const { return words_; }
  std::size_t size() const { return words_.size(); }
  bool empty() const { return words_.empty(); }
  // "" past the end.
  const std::string& at(std::size_t place) const;

  bool has(std::string_view word) const;
  bool any(std::initializer_list<std::string_view> words) const;
  // Words in a row: "how many".
  bool phrase(std::string_view words) const;
  bool any_phrase(std::initializer_list<std::string_view> phrases) const;
  bool starts_with(std::initializer_list<std::string_view> phrases) const;
  // Where the phrase begins; size() when nowhere.
  std::size_t find(std::string_view phrase) const;
  void erase(std::size_t begin, std::size_t end);

 private:
  bool stands_at(std::size_t place, std::string_view phrase) const;
  std::vector<std::string> words_;
};

// What typing mistakes are corrected to, and the other words that are none.
struct Spelling {
  std::vector<std::string> words;
  std::set<std::string, std::less<>> others;
  std::set<std::string, std::less<>> stems;  // of `words`: "attacked" beside "attacker"
};
// `names` are what the index knows by that name: never taken for mistakes, either.
using Names = std::set<std::string, std::less<>>;
Words normalise(std::string_view question, const Spelling& spelling, const Names& names);
// The same without the corrections.
Words split_words(std::string_view text);

// Insertions, deletions, replacements and swaps of neighbours; stops counting above `most`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);
// "thresholds" and "threshold", "blocked" and "block", "policies" and "policy" have the same stem.
std::string stem(std::string_view word);

}  // namespace mlguard::rag
