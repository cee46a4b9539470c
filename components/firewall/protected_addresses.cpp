#include "firewall/protected_addresses.h"

#include <algorithm>
#include <utility>

#include "base/rule_scope.h"

namespace mlguard::firewall {
namespace {

const std::vector<ProtectedNetwork>& built_ins() {
  static const std::vector<ProtectedNetwork> all = [] {
    std::vector<ProtectedNetwork> parsed;
    parsed.reserve(base::kNeverBlocked.size());
    for (const base::NeverBlocked& one : base::kNeverBlocked) {
      parsed.push_back({parse_network(one.cidr).value(), std::string(one.why)});
    }
    return parsed;
  }();
  return all;
}

bool is_too_wide_for_detectors(const Network& network) {
  const unsigned least = is_ipv4(network) ? base::kDetectorBitsMinIpv4 : base::kDetectorBitsMinIpv6;
  return written_bits(network) < least;
}

Verdict refused(std::string why) { return {{}, std::move(why)}; }

std::string is_text(const ProtectedNetwork& one) { return to_text(one.network) + " is " + one.why; }

}  // namespace

bool is_never_blocked(const Network& network) {
  return std::any_of(built_ins().begin(), built_ins().end(),
                     [&](const ProtectedNetwork& one) { return contains(one.network, network); });
}

ProtectedAddresses::ProtectedAddresses(std::vector<ProtectedNetwork> given)
    : sorted_(std::move(given)) {
  sorted_.insert(sorted_.begin(), built_ins().begin(), built_ins().end());
  const auto before = [](const auto& a, const auto& b) { return a.network < b.network; };
  // Of two reasons for one network the first given stays.
  std::stable_sort(sorted_.begin(), sorted_.end(), before);
  const auto same = [](const auto& a, const auto& b) { return a.network == b.network; };
  sorted_.erase(std::unique(sorted_.begin(), sorted_.end(), same), sorted_.end());
  around_.reserve(sorted_.size());
  for (std::size_t i = 0; i < sorted_.size(); ++i) {
    around_.push_back(innermost_around(sorted_[i].network, i));
  }
}

std::size_t ProtectedAddresses::place_of(const Network& network) const {
  const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), network,
                                   [](const auto& a, const Network& b) { return a.network < b; });
  return static_cast<std::size_t>(at - sorted_.begin());
}

// What contains a network is before it, and between the two is only what the former contains, too.
std::size_t ProtectedAddresses::innermost_around(const Network& network, std::size_t place) const {
  std::size_t at = place == 0 ? kNone : place - 1;
  while (at != kNone && !contains(sorted_[at].network, network)) at = around_[at];
  return at;
}

const ProtectedNetwork* ProtectedAddresses::around(const Network& network) const {
  const std::size_t place = place_of(network);
  const bool is_there = place < sorted_.size() && sorted_[place].network == network;
  std::size_t found = is_there ? place : innermost_around(network, place);
  if (found == kNone) return nullptr;
  while (around_[found] != kNone) found = around_[found];
  return &sorted_[found];
}

std::vector<ProtectedNetwork> ProtectedAddresses::inside(const Network& network) const {
  std::vector<ProtectedNetwork> found;
  for (std::size_t at = place_of(network); at < sorted_.size(); ++at) {
    if (!contains(network, sorted_[at].network)) break;
    found.push_back(sorted_[at]);
  }
  return found;
}

bool ProtectedAddresses::frees(const Network& network, Origin origin) const {
  if (written_bits(network) == 0) return false;
  if (origin == Origin::detector && is_too_wide_for_detectors(network)) return false;
  const std::size_t place = place_of(network);
  if (place < sorted_.size() && contains(network, sorted_[place].network)) return false;
  return innermost_around(network, place) == kNone;
}

Verdict ProtectedAddresses::judge(const Network& network, Origin origin) const {
  if (written_bits(network) == 0) {
    return refused("it covers every address: that is no blocking rule");
  }
  if (const ProtectedNetwork* outer = around(network)) return refused(is_text(*outer));
  if (origin == Origin::detector && is_too_wide_for_detectors(network)) {
    return refused("a prefix as wide as /" + std::to_string(written_bits(network)) +
                   " needs an operator's rule");
  }
  const std::vector<ProtectedNetwork> inner = inside(network);
  if (inner.empty()) return {{network}, {}};
  std::vector<Network> holes;
  holes.reserve(inner.size());
  for (const ProtectedNetwork& one : inner) holes.push_back(one.network);
  auto pieces = without(network, holes, kPiecesMax);
  if (!pieces.ok()) return refused(pieces.error().message);
  std::string why = is_text(inner.front());
  if (inner.size() > 1) why += " (and " + std::to_string(inner.size() - 1) + " more)";
  return {std::move(*pieces), std::move(why)};
}

}  // namespace mlguard::firewall
