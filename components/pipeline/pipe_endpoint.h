// What both ends of the pipeline may be told to connect or bind to. Internal to pipeline/.
// Stateless; safe from any thread.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"

namespace mlguard::pipeline {

// "tcp://HOST:PORT" (an IPv6 address in brackets), or "ipc://PATH" on one host.
// Error: invalid_argument / "invalid_endpoint".
base::Status check_pipe_endpoint(std::string_view text);

// What ZeroMQ said of an endpoint that check_pipe_endpoint takes: unavailable / "endpoint".
base::Error pipe_error(const std::string& endpoint, const char* what);

}  // namespace mlguard::pipeline
