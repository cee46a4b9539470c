// The reasons why a packet is not in a flow, by mlg_parse_result: for people and for JSON.
// Stateless; safe from any thread.
#pragma once

namespace mlguard::sniffer {

// "too many VLAN tags". REQUIRES: MLG_PARSE_OK < result < MLG_PARSE_RESULTS.
const char* parse_text(unsigned result);
// "vlan_depth"
const char* parse_key(unsigned result);

}  // namespace mlguard::sniffer
