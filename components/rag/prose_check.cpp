#include "rag/prose_check.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/time_format.h"

namespace mlguard::rag {

namespace {

constexpr std::size_t kWhyCharsMax = 80;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }
// What an address, a time, a path or an id is made of.
bool is_fact_char(char c) {
  return is_digit(c) || is_letter(c) || c == '.' || c == ':' || c == '/' || c == '_' || c == '-' ||
         c == '%' || c == '@' || c == '#';
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The text without "[n]", and the numbers in them.
struct Cited {
  std::string text;
  std::vector<std::size_t> numbers;
};
Cited take_citations(std::string_view sentence) {
  Cited cited;
  while (!sentence.empty()) {
    const std::size_t close = sentence.front() == '[' ? sentence.find(']') : std::string_view::npos;
    std::size_t number = 0;
    if (close != std::string_view::npos && close > 1) {
      const char* end = sentence.data() + close;
      const auto parsed = std::from_chars(sentence.data() + 1, end, number);
      if (parsed.ec == std::errc() && parsed.ptr == end) {
        cited.numbers.push_back(number);
        cited.text += ' ';
        sentence.remove_prefix(close + 1);
        continue;
      }
    }
    cited.text += sentence.front();
    sentence.remove_prefix(1);
  }
  return cited;
}

// Runs of fact characters that hold a digit or a "://".
std::vector<std::string> written_facts(std::string_view text) {
  std::vector<std::string> facts;
  for (std::size_t at = 0; at < text.size();) {
    if (!is_fact_char(text[at])) {
      ++at;
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && is_fact_char(text[end])) ++end;
    std::string_view run = text.substr(at, end - at);
    at = end;
    while (!run.empty() && !is_digit(run.back()) && !is_letter(run.back()) && run.back() != '%') {
      run.remove_suffix(1);
    }
    while (!run.empty() && (run.front() == '.' || run.front() == ':' || run.front() == '-')) {
      run.remove_prefix(1);
    }
    const bool states = std::any_of(run.begin(), run.end(), is_digit) ||
                        run.find("://") != std::string_view::npos || run.starts_with("www.");
    if (states) facts.push_back(lower(run));
  }
  return facts;
}

// Whether the fact stands there by itself: "0.9" does not stand in "10.0.9.1", nor "8" in "80".
bool stands_in(const std::string& passage, const std::string& fact) {
  const auto joins = [](char c) { return is_digit(c) || is_letter(c); };
  for (std::size_t at = passage.find(fact); at != std::string::npos;
       at = passage.find(fact, at + 1)) {
    const std::size_t end = at + fact.size();
    const bool joined_before =
        at > 0 &&
        (joins(passage[at - 1]) || (passage[at - 1] == '.' && at > 1 && is_digit(passage[at - 2])));
    const bool joined_after =
        end < passage.size() &&
        (joins(passage[end]) ||
         (passage[end] == '.' && end + 1 < passage.size() && is_digit(passage[end + 1])));
    if (!joined_before && !joined_after) return true;
  }
  return false;
}

// A model is no adviser on what to type: what may be done is proposed by rag itself.
bool holds_a_command(const std::string& text) {
  static constexpr std::array<std::string_view, 14> kSigns = {"`",
                                                              "$ ",
                                                              "$(",
                                                              "sudo ",
                                                              "rm -",
                                                              "curl ",
                                                              "wget ",
                                                              "nft ",
                                                              "iptables",
                                                              "systemctl",
                                                              "ml-guard config",
                                                              "ml-guard rules",
                                                              "--yes",
                                                              "etcd-server --"};
  return std::any_of(kSigns.begin(), kSigns.end(),
                     [&](std::string_view sign) { return text.find(sign) != std::string::npos; });
}

bool holds_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && !is_space(c)) || c == 0x7F;
  });
}

// "1. " and "- " before an item of a list.
std::size_t list_mark_bytes(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && is_space(text[at])) ++at;
  const std::size_t begin = at;
  while (at < text.size() && at < begin + 2 && is_digit(text[at])) ++at;
  if (at == begin || at + 1 >= text.size() || text[at] != '.' || text[at + 1] != ' ') return 0;
  return at + 2;
}

// Where the sentence that begins the text ends; npos: that cannot be known yet.
std::size_t sentence_end(std::string_view text) {
  for (std::size_t at = list_mark_bytes(text); at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\n') return at + 1;
    const bool may_end =
        (c == '.' || c == '!' || c == '?') && at + 1 < text.size() && is_space(text[at + 1]);
    if (!may_end) continue;
    // Citations may stand behind the full stop.
    std::size_t next = at + 1;
    while (next < text.size() && text[next] == ' ') ++next;
    if (next == text.size()) return std::string_view::npos;
    if (text[next] != '[') return next;
    const std::size_t close = text.find(']', next);
    if (close == std::string_view::npos) return std::string_view::npos;
    at = close;
    while (at + 1 < text.size() && text[at + 1] == '[') {
      const std::size_t more = text.find(']', at + 1);
      if (more == std::string_view::npos) return std::string_view::npos;
      at = more;
    }
    if (at + 1 == text.size()) return std::string_view::npos;
    return at + 1;
  }
  return std::string_view::npos;
}

// A time may be told whole or in part.
std::string times_of(std::int64_t at_ms) {
  const std::string iso = base::iso_time(at_ms);
  constexpr std::size_t kDate = 10;
  constexpr std::size_t kMinute = 16;
  constexpr std::size_t kSecond = 19;
  const std::string second = iso.substr(0, kSecond);
  return "\n" + iso + "\n" + second + "\n" + second + "Z\n" + iso.substr(0, kMinute) + "\n" +
         iso.substr(0, kDate) + "\n" + second.substr(kDate + 1) + "\n" +
         iso.substr(kDate + 1, kMinute - kDate - 1);
}

std::string cut(std::string text) {
  if (text.size() > kWhyCharsMax) text.resize(kWhyCharsMax);
  return text;
}

}  // namespace

std::vector<std::string> SentenceCutter::feed(std::string_view text) {
  rest_ += text;
  std::vector<std::string> sentences;
  for (;;) {
    std::size_t end = sentence_end(rest_);
    if (end == std::string_view::npos && rest_.size() > kSentenceBytesMax) end = rest_.size();
    if (end == std::string_view::npos) return sentences;
    sentences.push_back(rest_.substr(0, end));
    rest_.erase(0, end);
  }
}

std::vector<std::string> SentenceCutter::finish() {
  std::vector<std::string> sentences;
  if (!trimmed(rest_).empty()) sentences.push_back(std::move(rest_));
  rest_.clear();
  return sentences;
}

ProseCheck::ProseCheck(const wire::Answer& answer) {
  for (const wire::Citation& citation : answer.citations) {
    std::string passage = citation.key + "\n" + citation.text;
    if (citation.at_ms != 0) passage += times_of(citation.at_ms);
    if (citation.revision != 0) passage += "\n" + std::to_string(citation.revision);
    passages_.push_back(lower(passage));
  }
}

Judgement ProseCheck::judge(std::string_view sentence) const {
  if (sentence.size() > kSentenceBytesMax) return {Verdict::refused, "a sentence without an end"};
  if (holds_control_characters(sentence)) return {Verdict::refused, "control characters in it"};
  sentence.remove_prefix(list_mark_bytes(sentence));
  const Cited cited = take_citations(sentence);
  for (const std::size_t number : cited.numbers) {
    if (number == 0 || number > passages_.size()) {
      return {Verdict::refused, "there is no passage [" + std::to_string(number) + "]"};
    }
  }
  if (holds_a_command(lower(cited.text))) return {Verdict::refused, "a command in it"};
  const std::vector<std::string> facts = written_facts(cited.text);
  for (const std::string& fact : facts) {
    const bool stands =
        std::any_of(cited.numbers.begin(), cited.numbers.end(),
                    [&](std::size_t number) { return stands_in(passages_[number - 1], fact); });
    if (!stands) return {Verdict::refused, "'" + cut(fact) + "' is in no passage that it cites"};
  }
  return {cited.numbers.empty() ? Verdict::left_out : Verdict::shown, {}};
}

}  // namespace mlguard::rag
