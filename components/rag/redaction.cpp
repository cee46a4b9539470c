#include "rag/redaction.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace mlguard::rag {
namespace {

constexpr std::size_t kRandomCharsMin = 24;  // mixed case and digits
constexpr std::size_t kLowerCharsMin = 32;   // lower case and digits, hex among them
constexpr std::size_t kClassChangesMin = 5;  // between upper, lower, digit
constexpr std::size_t kLowerChangesMin = 8;
constexpr std::size_t kDigitsMin = 2;
constexpr std::size_t kBearerCharsMin = 6;
constexpr std::size_t kBearerPlainCharsMin = 20;
constexpr std::size_t kServiceKeyCharsMin = 16;
constexpr std::size_t kNameCharsMax = 64;
constexpr std::size_t kSpokenCharsMin = 4;
constexpr std::size_t kPlainWordCharsMax = 8;  // "token: expired" says no secret
constexpr std::size_t kContextChars = 24;      // what stands before may say that it is a digest

bool lower(char c) { return c >= 'a' && c <= 'z'; }
bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool letter(char c) { return lower(c) || upper(c); }
bool in_token(char c) {
  return letter(c) || digit(c) || c == '+' || c == '/' || c == '=' || c == '_' || c == '-';
}
bool blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
// What ends a value that is said in a sentence or a list.
bool ends_value(char c) {
  return blank(c) || c == ',' || c == ';' || c == '"' || c == '\'' || c == ')' || c == '}' ||
         c == ']' || c == '<' || c == '&';
}

std::string lower_of(std::string_view text) {
  std::string made(text);
  for (char& c : made) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return made;
}

bool begins_with(std::string_view text, std::string_view what) {
  return text.substr(0, what.size()) == what;
}

template <class Test>
std::size_t run_of(std::string_view text, Test&& test) {
  std::size_t length = 0;
  while (length < text.size() && test(text[length])) ++length;
  return length;
}

// 0 lower, 1 upper, 2 digit, 3 other.
int class_of(char c) { return lower(c) ? 0 : upper(c) ? 1 : digit(c) ? 2 : 3; }

struct Looks {
  std::size_t uppers = 0;
  std::size_t lowers = 0;
  std::size_t digits = 0;
  std::size_t changes = 0;
};
Looks looks_of(std::string_view text) {
  Looks looks;
  for (std::size_t at = 0; at < text.size(); ++at) {
    looks.uppers += upper(text[at]) ? 1U : 0U;
    looks.lowers += lower(text[at]) ? 1U : 0U;
    looks.digits += digit(text[at]) ? 1U : 0U;
    if (at > 0 && class_of(text[at]) != class_of(text[at - 1])) ++looks.changes;
  }
  return looks;
}

// A run of characters that nobody would type: a key, encoded.
bool looks_random(std::string_view text) {
  const Looks all = looks_of(text);
  if (text.size() >= kRandomCharsMin && all.uppers > 0 && all.lowers > 0 &&
      all.digits >= kDigitsMin && all.changes >= kClassChangesMin) {
    return true;
  }
  // Names are made of words with dashes between; hex and base32 have none.
  while (!text.empty()) {
    const std::size_t part = run_of(text, [](char c) { return letter(c) || digit(c); });
    const Looks looks = looks_of(text.substr(0, part));
    if (part >= kLowerCharsMin && looks.digits >= kDigitsMin && looks.changes >= kLowerChangesMin) {
      return true;
    }
    text.remove_prefix(std::min(text.size(), part + 1));
  }
  return false;
}

// "sha256 9f86…", "public key …", "models/9f86…": random, but known to be no secret.
bool called_a_digest(std::string_view before) {
  const std::size_t from = before.size() > kContextChars ? before.size() - kContextChars : 0;
  const std::string context = lower_of(before.substr(from));
  for (const char* word : {"sha256", "sha-256", "digest", "fingerprint", "public key", "public_key",
                           "checksum", "models/", "model "}) {
    if (context.find(word) != std::string::npos) return true;
  }
  return false;
}

// ---- What begins at the front of a text and is a secret: how many characters to keep before it,
// and how many to hide. Nothing found: 0 to hide.
struct Found {
  std::size_t keep = 0;
  std::size_t hide = 0;
};

Found find_pem(std::string_view text) {
  if (!begins_with(text, "-----BEGIN ")) return {};
  const std::size_t end = text.find("-----END ");
  if (end == std::string_view::npos) return {0, text.size()};
  const std::size_t tail = text.find("-----", end + 9);
  return {0, tail == std::string_view::npos ? text.size() : tail + 5};
}

Found find_service_key(std::string_view text) {
  static constexpr std::array<std::string_view, 17> kPrefixes = {
      "mlg1.",  "sk-",   "sk_live_", "sk_test_", "rk_live_", "ghp_", "gho_", "ghs_", "github_pat_",
      "glpat-", "xoxb-", "xoxp-",    "xapp-",    "AKIA",     "AIza", "hf_",  "eyJ"};
  for (const std::string_view prefix : kPrefixes) {
    if (!begins_with(text, prefix)) continue;
    const std::size_t length = run_of(text, [](char c) { return in_token(c) || c == '.'; });
    const std::size_t dots = text[length - 1] == '.' && length > prefix.size() ? 1U : 0U;
    if (length - dots >= prefix.size() + kServiceKeyCharsMin) return {0, length - dots};
  }
  constexpr std::string_view kClusterKey = "mlguard-cluster-key-1 ";
  if (begins_with(text, kClusterKey)) {
    return {kClusterKey.size(), run_of(text.substr(kClusterKey.size()), in_token)};
  }
  return {};
}

Found find_bearer(std::string_view text) {
  for (const std::string_view scheme : {"bearer ", "basic "}) {
    if (lower_of(text.substr(0, scheme.size())) != scheme) continue;
    const std::string_view rest = text.substr(scheme.size());
    const std::size_t length =
        run_of(rest, [](char c) { return in_token(c) || c == '.' || c == '~'; });
    const Looks looks = looks_of(rest.substr(0, length));
    const bool is_word = looks.digits == 0 && looks.changes < 2 && length < kBearerPlainCharsMin;
    if (length >= kBearerCharsMin && !is_word) return {scheme.size(), length};
  }
  return {};
}

// scheme://user:password@host
Found find_url_password(std::string_view text) {
  if (!begins_with(text, "://")) return {};
  const std::size_t from = 3;
  const std::size_t end = text.find_first_of(" \t\r\n\"'<>/?#", from);
  const std::string_view authority =
      text.substr(from, end == std::string_view::npos ? end : end - from);
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) return {};
  const std::size_t colon = authority.substr(0, at).find(':');
  if (colon == std::string_view::npos || colon + 1 >= at) return {};
  return {from + colon + 1, at - colon - 1};
}

bool plain_word(std::string_view value) {
  return value.size() < kPlainWordCharsMax && std::all_of(value.begin(), value.end(), letter);
}

// "password: hunter2", "psk = …", "token is …": a name, then how it is said, then the value.
Found find_said(std::string_view text) {
  const std::size_t name_length = run_of(text.substr(0, kNameCharsMax), [](char c) {
    return letter(c) || digit(c) || c == '_' || c == '-' || c == '.';
  });
  const std::string_view name = text.substr(0, name_length);
  if (name_length == 0 || !is_secret_name(name)) return {};
  std::size_t at = name_length;
  while (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
  at += run_of(text.substr(at), blank);
  const bool assigned = at < text.size() && (text[at] == '=' || text[at] == ':');
  const bool by_equals = assigned && text[at] == '=';
  const bool spoken = begins_with(text.substr(at), "is ") || begins_with(text.substr(at), "was ");
  if (!assigned && !spoken) return {};
  at += spoken ? text.substr(at).find(' ') : 1;
  at += run_of(text.substr(at), blank);
  while (at < text.size() && (text[at] == '"' || text[at] == '\'')) ++at;
  const std::size_t length = run_of(text.substr(at), [](char c) { return !ends_value(c); });
  const std::string_view value = text.substr(at, length);
  if (value.empty() || value == kHidden.substr(0, length)) return {};
  const std::string called = lower_of(name);
  const bool a_password =
      called.find("pass") != std::string::npos || called.find("psk") != std::string::npos;
  const bool only_letters = std::all_of(value.begin(), value.end(), letter);
  if (spoken && (only_letters || length < kSpokenCharsMin)) return {};
  if (assigned && !by_equals && !a_password && plain_word(value)) return {};
  return {at, length};
}

// Where a word or a token begins.
bool begins_here(std::string_view text, std::size_t at) {
  return at == 0 || !(letter(text[at - 1]) || digit(text[at - 1]) || text[at - 1] == '_');
}

Found find_at(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (const Found url = find_url_password(rest); url.hide > 0) return url;
  if (!begins_here(text, at)) return {};
  for (const auto find : {find_pem, find_service_key, find_bearer, find_said}) {
    if (const Found found = find(rest); found.hide > 0) return found;
  }
  return {};
}

// Long random runs, in what is left.
std::string without_random(std::string_view text) {
  std::string made;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = std::max<std::size_t>(1, run_of(text.substr(at), in_token));
    const std::string_view run = text.substr(at, length);
    const bool random = length >= kRandomCharsMin && looks_random(run) &&
                        !called_a_digest(text.substr(0, at)) &&
                        !called_a_digest(run.substr(0, kContextChars));
    made += random ? kHidden : run;
    at += length;
  }
  return made;
}

}  // namespace

std::string redacted(std::string_view text) {
  std::string made;
  for (std::size_t at = 0; at < text.size();) {
    const Found found = find_at(text, at);
    if (found.hide == 0) {
      made += text[at++];
      continue;
    }
    made.append(text.substr(at, found.keep));
    made += kHidden;
    at += found.keep + found.hide;
  }
  return without_random(made);
}

std::string redacted_value(std::string_view name, std::string_view value) {
  if (value.empty()) return {};
  if (is_secret_name(name)) return std::string(kHidden);
  if (is_digest_name(name)) return std::string(value);
  return redacted(value);
}

}  // namespace mlguard::rag
