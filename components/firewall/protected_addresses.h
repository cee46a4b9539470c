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

#include <cstddef>
#include <string>
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
  // Whether judge() lets all of it be blocked, which it does of nearly every network: cheap.
  bool frees(const Network& network, Origin origin) const;

 private:
  const ProtectedNetwork* around(const Network& network) const;
  std::vector<ProtectedNetwork> inside(const Network& network) const;

  static constexpr std::size_t kNone = ~std::size_t{0};
  // The first that is not before it: where what it contains begins.
  std::size_t place_of(const Network& network) const;
  // Of the one before that, and those around this one, the first that contains it.
  std::size_t innermost_around(const Network& network, std::size_t place) const;

  std::vector<ProtectedNetwork> sorted_;  // By network, each once.
  std::vector<std::size_t> around_;       // Of each: the next wider one that contains it.
};

}  // namespace mlguard::firewall
