#include "sniffer/parse_names.h"

#include <array>

#include "bpf/packet.h"

namespace mlguard::sniffer {
namespace {

struct Name {
  const char* key;
  const char* text;
};
constexpr std::array<Name, MLG_PARSE_RESULTS> kNames = {{
    {"ok", "ok"},
    {"not_ip", "not IP"},
    {"truncated", "truncated"},
    {"fragments", "fragments"},
    {"malformed", "malformed"},
    {"vlan_depth", "too many VLAN tags"},
    {"extension_depth", "too many IPv6 extension headers"},
    {"other_transports", "other transports"},
}};

}  // namespace

const char* parse_text(unsigned result) { return kNames.at(result).text; }
const char* parse_key(unsigned result) { return kNames.at(result).key; }

}  // namespace mlguard::sniffer
