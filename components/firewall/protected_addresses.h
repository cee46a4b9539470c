// ProtectedAddresses: whom a rule may not block, whatever it says, and why not. Pure; immutable
// once made, so safe from any thread.
//
// Protected by themselves: loopback, unspecified, multicast and broadcast addresses
// (base/rule_scope.h). The rest (this
// host's addresses, its gateways, the control plane, allowlists and allow rules) is given. A rule
// that is wider than something protected blocks what remains of it; one that lies inside something
// protected blocks nothing. A rule for every address there is, is none, and a prefix that is wider
// than a detector's rule may be needs an operator's.
#pragma once

#include <bitset>
#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "firewall/network.h"

namespace mlguard::firewall {

// One rule is made of so many prefixes at the most.
inline constexpr std::size_t kPiecesMax = 4'096;

struct ProtectedNetwork {
  Network network;
  std::string why;  // "the default gateway"
  bool operator==(const ProtectedNetwork&) const = default;
};

enum class Origin { operator_, detector };

struct Verdict {
  std::vector<Network> pieces;  // What may be blocked; empty: nothing.
  // Why not everything is: "10.0.0.1 is the default gateway". Empty: everything is.
  std::string why;
};

// Protected by itself, everywhere.
bool is_never_blocked(const Network& network);

class ProtectedAddresses {
 public:
  explicit ProtectedAddresses(std::vector<ProtectedNetwork> given = {});

  Verdict judge(const Network& network, Origin origin) const;

 private:
  const ProtectedNetwork* around(const Network& network) const;
  std::vector<ProtectedNetwork> inside(const Network& network) const;

  std::vector<ProtectedNetwork> sorted_;  // By network, each once.
  std::unordered_map<Network, std::size_t, NetworkHash> places_;
  std::bitset<kAddressBits + 1> lengths_;  // Which prefix lengths there are.
};

}  // namespace mlguard::firewall
