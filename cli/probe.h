// Whether anything listens at an endpoint: asked only to tell "no server runs" from "you are not
// enrolled". Stateless.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace mlguard::cli {

// True as soon as one endpoint ("host:port" or "http://host:port") takes a TCP connection.
bool any_endpoint_listens(const std::vector<std::string>& endpoints,
                          std::chrono::milliseconds timeout_each);

// True when every endpoint is on this machine by its name.
bool all_local(const std::vector<std::string>& endpoints);

// The port of "host:port"; "2379" when it names none.
std::string port_of(const std::string& endpoint);

}  // namespace mlguard::cli
