// Networks as tests write them: text that must parse. Pure.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "firewall/network.h"

namespace mlguard::firewall {

inline Network net(const std::string& text) {
  const auto parsed = parse_network(text);
  if (!parsed.ok()) std::abort();
  return *parsed;
}

inline std::vector<std::string> texts(const std::vector<Network>& networks) {
  std::vector<std::string> all;
  for (const Network& network : networks) all.push_back(to_text(network));
  return all;
}

}  // namespace mlguard::firewall
