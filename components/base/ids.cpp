#include "base/ids.h"

#include <sys/random.h>

#include <cassert>

namespace mlguard::base {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Error invalid_name(std::string_view name, const std::string& why) {
  return {ErrorCode::invalid_argument, "invalid_name",
          "'" + std::string(name.substr(0, kComponentNameCharsMax)) +
              "' is not a component name: " + why + "; use for example 'sniffer' or 'sniffer-dmz'"};
}

}  // namespace

std::string random_hex(std::size_t bytes) {
  std::string raw(bytes, '\0');
  std::size_t filled = 0;
  while (filled < bytes) {
    const ssize_t got = getrandom(raw.data() + filled, bytes - filled, 0);
    assert(got > 0 || errno == EINTR);
    if (got > 0) filled += static_cast<std::size_t>(got);
  }
  return to_hex(raw);
}

std::string request_id(std::int64_t wall_ms) {
  constexpr std::size_t kTimeBytes = 6;
  constexpr std::size_t kRandomBytes = 10;
  std::string time(kTimeBytes, '\0');
  auto left = static_cast<std::uint64_t>(wall_ms);
  for (auto byte = time.rbegin(); byte != time.rend(); ++byte, left >>= 8) {
    *byte = static_cast<char>(left & 0xff);
  }
  return to_hex(time) + random_hex(kRandomBytes);
}

Status check_component_name(std::string_view name) {
  if (name.empty()) return invalid_name(name, "it is empty");
  if (name.size() > kComponentNameCharsMax) {
    return invalid_name(
        name, "it is longer than " + std::to_string(kComponentNameCharsMax) + " characters");
  }
  for (const char c : name) {
    if (!is_name_character(c)) {
      return invalid_name(name, "only lower-case letters, digits and '-' may stand in it");
    }
  }
  if (name.front() < 'a' || name.front() > 'z') {
    return invalid_name(name, "it must begin with a letter");
  }
  if (name.back() == '-') return invalid_name(name, "it must not end with '-'");
  return {};
}

std::string to_hex(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kHexDigits[byte >> 4]);
    out.push_back(kHexDigits[byte & 15]);
  }
  return out;
}

Result<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) {
    return Error{ErrorCode::invalid_argument, "invalid_hex", "hex text has an odd length"};
  }
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = hex_value(hex[i]);
    const int low = hex_value(hex[i + 1]);
    if (high < 0 || low < 0) {
      return Error{ErrorCode::invalid_argument, "invalid_hex",
                   "character " + std::to_string(i) + " is not a hex digit"};
    }
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

}  // namespace mlguard::base
