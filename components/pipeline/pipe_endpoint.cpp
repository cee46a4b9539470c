#include "pipeline/pipe_endpoint.h"

#include <algorithm>
#include <charconv>

namespace mlguard::pipeline {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
constexpr std::size_t kPathBytesMax = 100;  // of a Unix socket, with some room

bool is_host_and_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = text.substr(colon + 1);
  std::uint16_t number = 0;
  const auto read = std::from_chars(port.data(), port.data() + port.size(), number);
  if (read.ec != std::errc() || read.ptr != port.data() + port.size()) return false;
  const std::string_view host = text.substr(0, colon);
  const bool in_brackets = host.front() == '[' && host.back() == ']';
  return std::all_of(host.begin(), host.end(), [in_brackets](char c) {
    return c > ' ' && c <= '~' && c != '/' && c != ';' && (c != ':' || in_brackets);
  });
}

}  // namespace

base::Status check_pipe_endpoint(std::string_view text) {
  if (text.substr(0, kIpc.size()) == kIpc) {
    const std::size_t path = text.size() - kIpc.size();
    if (path > 0 && path <= kPathBytesMax) return {};
  } else if (text.substr(0, kTcp.size()) == kTcp) {
    if (is_host_and_port(text.substr(kTcp.size()))) return {};
  }
  return base::Error{base::ErrorCode::invalid_argument, "invalid_endpoint",
                     "\"" + std::string(text.substr(0, kPathBytesMax)) +
                         "\" is no endpoint of the pipeline: tcp://HOST:PORT or ipc://PATH"};
}

base::Error pipe_error(const std::string& endpoint, const char* what) {
  return {base::ErrorCode::unavailable, "endpoint", endpoint + ": " + what};
}

}  // namespace mlguard::pipeline
