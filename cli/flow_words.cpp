#include "cli/flow_words.h"

#include <map>

namespace mlguard::cli {

std::string protocol_name(const std::string& number) {
  static const std::map<std::string, std::string> names = {
      {"1", "ICMP"}, {"6", "TCP"}, {"17", "UDP"}, {"58", "ICMPv6"}};
  const auto found = names.find(number);
  return found == names.end() ? number : found->second;
}

std::string end_text(const std::string& address, const std::string& port) {
  if (port.empty() || port == "0") return address;
  const bool is_ipv6 = address.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + address + "]" : address) + ":" + port;
}

}  // namespace mlguard::cli
