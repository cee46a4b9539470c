// Which names are names of secrets.
#include <algorithm>
#include <array>
#include <cctype>
#include <vector>

#include "rag/redaction.h"

namespace mlguard::rag {
namespace {

using Words = std::vector<std::string>;

bool is_upper(char letter) { return letter >= 'A' && letter <= 'Z'; }
bool is_alnum(char letter) {
  return is_upper(letter) || (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9');
}

// "smtpPassword_2" → smtp, password, 2.
Words words_of(std::string_view name) {
  Words words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t at = 0; at < name.size(); ++at) {
    const char letter = name[at];
    if (!is_alnum(letter)) {
      end_word();
      continue;
    }
    const bool begins = is_upper(letter) && at > 0 && !is_upper(name[at - 1]);
    if (begins) end_word();
    word += static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  end_word();
  return words;
}

template <std::size_t N>
bool one_of(const std::array<std::string_view, N>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// A secret wherever they stand in a name …
constexpr std::array<std::string_view, 27> kSecretWords = {
    "password",   "passwords", "passwd", "passphrase", "pwd",       "secret",      "secrets",
    "token",      "tokens",    "psk",    "credential", "jwt",       "credentials", "authorization",
    "cookie",     "cookies",   "dsn",    "bearer",     "apikey",    "apikeys",     "privkey",
    "privatekey", "secretkey", "otp",    "totp",       "community", "passcode"};
// … and a key's, when one of these says which.
constexpr std::array<std::string_view, 24> kKeyKinds = {
    "private",   "api",     "secret",  "access",  "encryption", "signing", "master",  "shared",
    "preshared", "ssh",     "tls",     "cluster", "aes",        "hmac",    "session", "auth",
    "operator",  "license", "account", "storage", "client",     "server",  "root",    "wireguard"};
// What measures, names or describes a secret is none.
constexpr std::array<std::string_view, 46> kMeasures = {
    "s",     "ms",        "min",      "max",      "ttl",    "seconds",  "minutes", "hours",
    "days",  "period",    "interval", "grace",    "count",  "size",     "length",  "bytes",
    "chars", "name",      "id",       "ids",      "path",   "file",     "files",   "folder",
    "dir",   "enabled",   "required", "rotation", "age",    "lifetime", "version", "type",
    "kind",  "algorithm", "field",    "header",   "prefix", "policy",   "expires", "limit",
    "at",    "uses",      "timeout",  "attempts", "role",   "port"};
constexpr std::array<std::string_view, 9> kDigestWords = {
    "sha256", "sha1", "sha512", "digest", "digests", "fingerprint", "checksum", "blake2b", "md5"};

bool is_key_word(const std::string& word) { return word == "key" || word == "keys"; }

}  // namespace

bool is_digest_name(std::string_view name) {
  const Words words = words_of(name);
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (one_of(kDigestWords, words[at])) return true;
    if (is_key_word(words[at]) && at > 0 && words[at - 1] == "public") return true;
  }
  return false;
}

bool is_secret_name(std::string_view name) {
  const Words words = words_of(name);
  if (words.empty() || is_digest_name(name)) return false;
  const std::string& last = words.back();
  if (words.size() > 1 && one_of(kMeasures, last)) return false;
  if (last == "pass" || last == "private" || (words.size() == 1 && last == "key")) return true;
  for (std::size_t at = 0; at < words.size(); ++at) {
    if (one_of(kSecretWords, words[at])) return true;
    if (!is_key_word(words[at])) continue;
    for (std::size_t before = 0; before < at; ++before) {
      if (one_of(kKeyKinds, words[before])) return true;
    }
    const bool material = at + 1 < words.size() && words[at + 1] == "material";
    if (material) return true;
  }
  return false;
}

}  // namespace mlguard::rag
