// Flows in the words of people: the ends of a conversation and its protocol. Stateless.
#pragma once

#include <string>

namespace mlguard::cli {

// By its number of IANA's list, as text: "TCP"; the number itself where few know the name.
std::string protocol_name(const std::string& number);

// "10.0.0.5:443", "[2001:db8::1]:443"; without a port, or with port 0, the address alone.
std::string end_text(const std::string& address, const std::string& port);

}  // namespace mlguard::cli
