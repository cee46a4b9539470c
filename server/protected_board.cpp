#include "server/protected_board.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "base/rule_scope.h"

namespace mlguard::server {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kWhyCharsMax = 80;

// It comes from another machine and is shown to people.
std::string plain(std::string text) {
  text.resize(std::min(text.size(), kWhyCharsMax));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

// "192.0.2.3" of "192.0.2.3/32": as people write it.
std::string shown(const db::Cidr& cidr) {
  constexpr unsigned kIpv4Bits = 32;
  constexpr unsigned kIpv6Bits = 128;
  const std::string text = db::to_text(cidr);
  const unsigned whole = cidr.family == db::Cidr::Family::ipv4 ? kIpv4Bits : kIpv6Bits;
  return cidr.prefix == whole ? text.substr(0, text.rfind('/')) : text;
}

bool is_too_wide(const db::Cidr& cidr) {
  const unsigned least = cidr.family == db::Cidr::Family::ipv4 ? base::kOperatorBitsMinIpv4
                                                               : base::kOperatorBitsMinIpv6;
  return cidr.prefix < least;
}

std::string what_to_do(const std::string& why, const std::string& firewall) {
  if (why == base::kOnTheAllowlist) {
    return "take it off there first (ml-guard config edit " + firewall +
           ", or global), or name another network";
  }
  return "name another network; if that firewall is gone for good: ml-guard component rm " +
         firewall;
}

}  // namespace

base::Status ProtectedBoard::check(const base::Rule& rule) {
  const auto cidr = db::parse_cidr(rule.cidr);
  if (!cidr.ok()) return {};
  const std::lock_guard lock(mutex_);
  refresh();
  for (const Entry& entry : entries_) {
    if (!db::contains(entry.network, *cidr)) continue;
    return base::Error{base::ErrorCode::invalid_argument, "protected_address",
                       db::to_text(*cidr) + " is never blocked: the firewall '" + entry.firewall +
                           "' reports that " + shown(entry.network) + " is " + entry.why + "; " +
                           what_to_do(entry.why, entry.firewall)};
  }
  return {};
}

void ProtectedBoard::refresh() {
  const std::int64_t now_ms = clock_.monotonic_ms();
  if (refreshed_ms_ && now_ms - *refreshed_ms_ < kProtectedAgeMsMax) return;
  refreshed_ms_ = now_ms;
  entries_.clear();
  for (const db::Lease& lease : engine_.leases()) {
    if (lease.component.role == base::Role::firewall) add_of(lease);
  }
  // Where many say the same (a gateway, the control plane), one is enough.
  std::set<std::string> seen;
  std::erase_if(entries_, [&](const Entry& entry) {
    return seen.size() >= kProtectedKeptMax || !seen.insert(db::to_text(entry.network)).second;
  });
}

void ProtectedBoard::add_of(const db::Lease& lease) {
  const Json detail = Json::parse(lease.last.detail, nullptr, false);
  const Json::json_pointer place("/protected/networks");
  if (!detail.is_object() || !detail.contains(place)) return;
  const Json& networks = detail.at(place);
  std::size_t taken = 0;
  for (const auto& [why, list] : networks.items()) {
    for (const Json& text : list) {
      if (!text.is_string() || taken == base::kProtectedToldMax) continue;
      const auto cidr = db::parse_cidr(text.get_ref<const std::string&>());
      if (!cidr.ok() || is_too_wide(*cidr)) continue;
      ++taken;
      entries_.push_back({*cidr, plain(why), lease.component.name});
    }
  }
}

}  // namespace mlguard::server
