#include "rag/words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

namespace mlguard::rag {
namespace {

constexpr std::size_t kWordCharsMax = 128;

constexpr std::array<std::pair<std::string_view, std::string_view>, 66> kWrittenOut = {{
    {"y", "why"},
    {"whats", "what is"},
    {"what's", "what is"},
    {"whos", "who is"},
    {"who's", "who is"},
    {"wheres", "where is"},
    {"where's", "where is"},
    {"whens", "when is"},
    {"when's", "when is"},
    {"hows", "how is"},
    {"how's", "how is"},
    {"whys", "why is"},
    {"why's", "why is"},
    {"it's", "it is"},
    {"that's", "that is"},
    {"there's", "there is"},
    {"i'm", "i am"},
    {"isnt", "is not"},
    {"isn't", "is not"},
    {"wasnt", "was not"},
    {"wasn't", "was not"},
    {"arent", "are not"},
    {"aren't", "are not"},
    {"werent", "were not"},
    {"weren't", "were not"},
    {"doesnt", "does not"},
    {"doesn't", "does not"},
    {"didnt", "did not"},
    {"didn't", "did not"},
    {"dont", "do not"},
    {"don't", "do not"},
    {"cant", "can not"},
    {"can't", "can not"},
    {"wont", "will not"},
    {"won't", "will not"},
    {"lets", "let us"},
    {"let's", "let us"},
    {"gimme", "give me"},
    {"wanna", "want to"},
    {"u", "you"},
    {"ur", "your"},
    {"r", "are"},
    {"pls", "please"},
    {"plz", "please"},
    {"thx", "thanks"},
    {"cfg", "config"},
    {"conf", "config"},
    {"cfgs", "configs"},
    {"configuration", "config"},
    {"configurations", "configs"},
    {"ver", "version"},
    {"vers", "versions"},
    {"min", "minutes"},
    {"mins", "minutes"},
    {"hrs", "hours"},
    {"hr", "hour"},
    {"sec", "seconds"},
    {"secs", "seconds"},
    {"ips", "addresses"},
    {"ip", "address"},
    {"addr", "address"},
    {"addrs", "addresses"},
    {"rollback", "roll back"},
    {"ystd", "yesterday"},
    {"rn", "now"},
    {"dets", "detections"},
}};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_alpha(char c) { return c >= 'a' && c <= 'z'; }

bool is_edge(char c) {
  constexpr std::string_view kEdges = "?!,;\"'`()<>{}*|";
  return kEdges.find(c) != std::string_view::npos;
}

// Punctuation goes from both ends; a '.' or ':' at the end only, as they belong to addresses. "::1"
// and "2001:db8::" keep theirs.
std::string trimmed(std::string word) {
  while (!word.empty() && (is_edge(word.back()) || word.back() == '.' ||
                           (word.back() == ':' && !word.ends_with("::")))) {
    word.pop_back();
  }
  std::size_t begin = 0;
  while (begin < word.size() && is_edge(word[begin])) ++begin;
  word.erase(0, begin);
  if (word.ends_with("'s") || word.ends_with("s'")) {
    word.resize(word.ends_with("'s") ? word.size() - 2 : word.size() - 1);
  }
  return word;
}

// Curly quotes and dashes, as telephones type them, become plain ones.
std::string plain(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    if (three == "\u2019" || three == "\u2018") {
      out += '\'';
    } else if (three == "\u201c" || three == "\u201d") {
      out += '"';
    } else if (three == "\u2013" || three == "\u2014") {
      out += " - ";
    } else {
      out += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
      continue;
    }
    i += 2;
  }
  return out;
}

void append_split(std::vector<std::string>& out, std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size() && out.size() < kWordsMax) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) out.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
}

void append_written_out(std::vector<std::string>& out, const std::string& raw) {
  const std::string word = trimmed(raw);
  for (const auto& [is, means] : kWrittenOut) {
    if (word == is) return append_split(out, means);
  }
  // "what's" and "detector's" end alike; only the first kind stands in the table with its quote.
  std::string whole = raw;
  while (!whole.empty() && (is_edge(whole.back()) || whole.back() == '.')) whole.pop_back();
  for (const auto& [is, means] : kWrittenOut) {
    if (whole == is) return append_split(out, means);
  }
  if (!word.empty() && word != "-") out.push_back(word.substr(0, kWordCharsMax));
}

bool all_letters(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return is_alpha(c) || c == '-'; });
}

std::string corrected(const std::string& word, const Spelling& spelling) {
  constexpr std::size_t kCorrectedCharsMin = 4;
  constexpr std::size_t kTwoMistakesCharsMin = 8;
  if (word.size() < kCorrectedCharsMin || !all_letters(word)) return word;
  if (spelling.others.contains(word) || spelling.stems.contains(stem(word))) return word;
  const std::size_t most = word.size() >= kTwoMistakesCharsMin ? 2 : 1;
  const std::string* best = nullptr;
  std::size_t best_distance = most + 1;
  for (const std::string& candidate : spelling.words) {
    if (candidate == word) return word;
    if (candidate.size() < kCorrectedCharsMin || candidate.front() != word.front()) continue;
    const std::size_t distance = edit_distance(word, candidate, most);
    if (distance < best_distance) {
      best_distance = distance;
      best = &candidate;
    }
  }
  return best == nullptr ? word : *best;
}

}  // namespace

const std::string& Words::at(std::size_t place) const {
  static const std::string kNone;
  return place < words_.size() ? words_[place] : kNone;
}

bool Words::has(std::string_view word) const {
  return std::find(words_.begin(), words_.end(), word) != words_.end();
}

bool Words::any(std::initializer_list<std::string_view> words) const {
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return has(word); });
}

bool Words::stands_at(std::size_t place, std::string_view phrase) const {
  while (true) {
    const std::size_t end = std::min(phrase.find(' '), phrase.size());
    if (place >= words_.size() || words_[place] != phrase.substr(0, end)) return false;
    if (end == phrase.size()) return true;
    phrase.remove_prefix(end + 1);
    ++place;
  }
}

std::size_t Words::find(std::string_view phrase) const {
  for (std::size_t i = 0; i < words_.size(); ++i) {
    if (stands_at(i, phrase)) return i;
  }
  return words_.size();
}

bool Words::phrase(std::string_view words) const { return find(words) < words_.size(); }

bool Words::any_phrase(std::initializer_list<std::string_view> phrases) const {
  return std::any_of(phrases.begin(), phrases.end(),
                     [&](std::string_view each) { return phrase(each); });
}

bool Words::starts_with(std::initializer_list<std::string_view> phrases) const {
  return std::any_of(phrases.begin(), phrases.end(),
                     [&](std::string_view each) { return stands_at(0, each); });
}

void Words::erase(std::size_t begin, std::size_t end) {
  const auto at = [&](std::size_t i) {
    return words_.begin() + static_cast<std::ptrdiff_t>(std::min(i, words_.size()));
  };
  words_.erase(at(begin), at(end));
}

Words split_words(std::string_view text) {
  const std::string lower = plain(text);
  std::vector<std::string> words;
  std::size_t begin = 0;
  while (begin < lower.size() && words.size() < kWordsMax) {
    std::size_t end = begin;
    while (end < lower.size() && !is_space(lower[end])) ++end;
    if (end > begin) append_written_out(words, lower.substr(begin, end - begin));
    begin = end + 1;
  }
  return Words(std::move(words));
}

Words normalise(std::string_view question, const Spelling& spelling, const Names& names) {
  const Words split = split_words(question);
  std::vector<std::string> words;
  for (const std::string& word : split.all())
    words.push_back(names.contains(word) ? word : corrected(word, spelling));
  return Words(std::move(words));
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most) {
  const std::size_t apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (apart > most || a.size() > kWordCharsMax || b.size() > kWordCharsMax) return most + 1;
  std::vector<std::size_t> two_ago(b.size() + 1);
  std::vector<std::size_t> ago(b.size() + 1);
  std::vector<std::size_t> now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) ago[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = ago[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({replaced, ago[j] + 1, now[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], two_ago[j - 2] + 1);
      }
    }
    std::swap(two_ago, ago);
    std::swap(ago, now);
  }
  return ago[b.size()];
}

std::string stem(std::string_view word) {
  constexpr std::size_t kStemCharsMin = 3;
  std::string text(word);
  const auto cut = [&](std::string_view end, std::string_view instead) {
    if (!text.ends_with(end) || text.size() < end.size() + kStemCharsMin) return false;
    text.resize(text.size() - end.size());
    text += instead;
    return true;
  };
  if (cut("ies", "y")) return text;
  if (text.ends_with("sses") || text.ends_with("shes") || text.ends_with("xes")) {
    text.resize(text.size() - 2);
    return text;
  }
  if (!text.ends_with("ss") && !text.ends_with("us")) cut("s", "");
  if (cut("ing", "") || cut("ed", "")) {
    const std::size_t size = text.size();
    if (size > kStemCharsMin && text[size - 1] == text[size - 2]) text.pop_back();
  }
  if (text.size() > kStemCharsMin && text.back() == 'e') text.pop_back();
  return text;
}

}  // namespace mlguard::rag
