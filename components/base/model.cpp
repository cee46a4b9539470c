#include "base/model.h"

#include <sodium.h>

#include <array>
#include <cstdio>
#include <utility>

namespace mlguard::base {

namespace {

constexpr std::array<std::pair<Role, const char*>, 6> kRoleNames = {{
    {Role::operator_, "operator"},
    {Role::peer, "peer"},
    {Role::sniffer, "sniffer"},
    {Role::ml_detector, "ml-detector"},
    {Role::firewall, "firewall"},
    {Role::rag, "rag"},
}};

constexpr std::array<std::pair<Health, const char*>, 4> kHealthNames = {{
    {Health::healthy, "healthy"},
    {Health::late, "late"},
    {Health::stale, "stale"},
    {Health::dead, "dead"},
}};

template <class Enum, std::size_t N>
const char* name_of(const std::array<std::pair<Enum, const char*>, N>& names, Enum value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "unknown";
}

template <class Enum, std::size_t N>
Result<Enum> parse_name(const std::array<std::pair<Enum, const char*>, N>& names,
                        std::string_view text, std::string_view what) {
  std::string known_names;
  for (const auto& [known, name] : names) {
    if (text == name) return known;
    known_names += (known_names.empty() ? "" : ", ") + std::string(name);
  }
  return Error{ErrorCode::invalid_argument, "invalid_" + std::string(what),
               "'" + std::string(text.substr(0, kCommentCharsMax)) + "' is not a " +
                   std::string(what) + "; use one of " + known_names};
}

}  // namespace

const char* to_string(Role role) { return name_of(kRoleNames, role); }
Result<Role> parse_role(std::string_view text) { return parse_name(kRoleNames, text, "role"); }

const char* to_string(Health health) { return name_of(kHealthNames, health); }
Result<Health> parse_health(std::string_view text) {
  return parse_name(kHealthNames, text, "health");
}

bool name_fits_role(std::string_view component, Role role) {
  const std::string_view kind = to_string(role);
  if (component.substr(0, kind.size()) != kind) return false;
  return component.size() == kind.size() || component[kind.size()] == '-';
}

std::uint64_t rule_digest(const Rule& rule) {
  const std::string text =
      rule.id + '\n' + rule.cidr + '\n' + rule.action + '\n' + std::to_string(rule.expires_at_ms);
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash{};
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < sizeof digest; ++i) digest = (digest << 8) | hash[i];
  return digest;
}

std::string rule_set_digest(const std::vector<Rule>& rules) {
  std::uint64_t digest = 0;
  for (const Rule& rule : rules) digest ^= rule_digest(rule);
  return format_digest(digest);
}

std::string format_digest(std::uint64_t digest) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(digest));
  return text.data();
}

}  // namespace mlguard::base
