#include "rag/index_words.h"

#include <algorithm>

namespace mlguard::rag {
namespace {

constexpr char kDot = 'x';
constexpr char kColon = 'y';
constexpr std::ptrdiff_t kColonsMin = 2;  // an IPv6 address has as many at least
constexpr std::size_t kAddressCharsMax = 45;

bool digit(char c) { return c >= '0' && c <= '9'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool alnum(char c) { return digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// How long an IPv6 address at the front of the text is; 0: there is none.
std::size_t ipv6_length(std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && (hex(text[length]) || text[length] == ':')) ++length;
  // A colon that ends a sentence's part is none of the address's, two are.
  const bool ends_single = length > 1 && text[length - 1] == ':' && text[length - 2] != ':';
  if (ends_single) --length;
  const std::string_view run = text.substr(0, length);
  const bool is_word = length < text.size() && alnum(text[length]);
  const bool many = std::count(run.begin(), run.end(), ':') >= kColonsMin;
  return many && !is_word && length <= kAddressCharsMax ? length : 0;
}

}  // namespace

std::string joined_words(std::string_view text) {
  std::string made(text);
  for (std::size_t at = 0; at < made.size(); ++at) {
    const bool begins = at == 0 || !(alnum(made[at - 1]) || made[at - 1] == ':');
    if (begins && (hex(made[at]) || made[at] == ':')) {
      const std::size_t length = ipv6_length(std::string_view(made).substr(at));
      std::replace(made.begin() + static_cast<std::ptrdiff_t>(at),
                   made.begin() + static_cast<std::ptrdiff_t>(at + length), ':', kColon);
      if (length > 0) at += length - 1;
      continue;
    }
    const bool inside = made[at] == '.' && at > 0 && at + 1 < made.size();
    if (inside && digit(made[at - 1]) && digit(made[at + 1])) made[at] = kDot;
  }
  return made;
}

}  // namespace mlguard::rag
