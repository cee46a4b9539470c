#include "db/rule_scope.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rule_scope.h"

namespace mlguard::db {

namespace {

using base::Error;
using base::ErrorCode;
using base::Status;

constexpr std::string_view kDrop = "drop";
constexpr std::string_view kMappedIpv4 = "::ffff:0:0";
constexpr unsigned kMappedIpv4Bits = 96;

struct Protected {
  Cidr cidr;
  std::string_view why;
};

const std::vector<Protected>& never_blocked() {
  static const std::vector<Protected> all = [] {
    std::vector<Protected> parsed;
    parsed.reserve(base::kNeverBlocked.size());
    for (const base::NeverBlocked& one : base::kNeverBlocked) {
      parsed.push_back({parse_cidr(one.cidr).value(), one.why});
    }
    return parsed;
  }();
  return all;
}

unsigned bits_min(Cidr::Family family, bool of_a_detector) {
  if (family == Cidr::Family::ipv4) {
    return of_a_detector ? base::kDetectorBitsMinIpv4 : base::kOperatorBitsMinIpv4;
  }
  return of_a_detector ? base::kDetectorBitsMinIpv6 : base::kOperatorBitsMinIpv6;
}

Error names_everything(const base::Rule& rule, const Cidr& cidr) {
  return {ErrorCode::invalid_argument, "rule_too_wide",
          to_text(cidr) + " is every address there is: no rule may " + rule.action +
              " that. To switch blocking off, stop the firewalls and run: firewall --clear"};
}

Status check_width(const base::Rule& rule, const Cidr& cidr) {
  const bool detector = base::is_of_a_detector(rule);
  const unsigned least = bits_min(cidr.family, detector);
  if (cidr.prefix >= least) return {};
  const std::string limit = "/" + std::to_string(least);
  std::string message = to_text(cidr) + " is too wide for one rule: ";
  if (detector) {
    const unsigned most = bits_min(cidr.family, false);
    message += "a detector may go to " + limit + ", an operator to /" + std::to_string(most);
  } else {
    message += "an operator may go to " + limit + "; split it if you mean it";
  }
  return Error{ErrorCode::invalid_argument, "rule_too_wide", message};
}

// All of IPv4 written as IPv6 lies in it: no packet carries such a source.
bool holds_mapped_ipv4(const Cidr& cidr) {
  Cidr mapped;
  mapped.family = Cidr::Family::ipv6;
  mapped.bytes[10] = mapped.bytes[11] = 0xff;
  mapped.prefix = kMappedIpv4Bits;
  return contains(cidr, mapped);
}

// The host of "10.0.0.1:2379" or "[2001:db8::1]:2379", when it is an address.
std::optional<Cidr> address_of(const ClusterMember& member) {
  std::string_view host = member.address;
  host = host.substr(0, host.rfind(':'));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  auto parsed = parse_cidr(host);
  if (!parsed.ok()) return std::nullopt;
  return *parsed;
}

Error is_protected(const Cidr& cidr, const std::string& why) {
  return {ErrorCode::invalid_argument, "protected_address",
          to_text(cidr) + " is never blocked: " + why};
}

Status check_protected(const Cidr& cidr, const Membership& membership) {
  for (const Protected& one : never_blocked()) {
    if (!contains(one.cidr, cidr)) continue;
    return is_protected(cidr, to_text(one.cidr) + " is " + std::string(one.why));
  }
  for (const ClusterMember& member : membership.members) {
    const std::optional<Cidr> address = address_of(member);
    if (!address || !contains(*address, cidr)) continue;
    return is_protected(cidr, "it is the control plane's instance " + member.address);
  }
  return {};
}

}  // namespace

Status check_scope(const base::Rule& rule, const Cidr& cidr, const Membership& membership) {
  if (cidr.prefix == 0) return names_everything(rule, cidr);
  if (rule.action == kDrop) {
    if (Status safe = check_protected(cidr, membership); !safe.ok()) return safe;
  }
  if (Status narrow = check_width(rule, cidr); !narrow.ok()) return narrow;
  if (!holds_mapped_ipv4(cidr)) return {};
  return Error{ErrorCode::invalid_argument, "invalid_cidr",
               to_text(cidr) + " holds all of IPv4 written as IPv6 (" + std::string(kMappedIpv4) +
                   "/" + std::to_string(kMappedIpv4Bits) +
                   "), which no packet carries; name a network of real addresses"};
}

}  // namespace mlguard::db
