#include "wire/endpoint.h"

#include <algorithm>
#include <charconv>

namespace mlguard::wire {

namespace {

constexpr int kDefaultPort = 2379;
constexpr int kPortMax = 65'535;
constexpr std::size_t kHostCharsMax = 253;
constexpr std::size_t kEndpointsMax = 64;

base::Error invalid_endpoint(std::string_view text, const std::string& why) {
  return {base::ErrorCode::invalid_argument, "invalid_endpoint",
          "'" + std::string(text.substr(0, kHostCharsMax)) + "' is not an endpoint: " + why +
              "; write host:port, for example localhost:2379"};
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_';
}

bool is_address_character(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' ||
         c == '.';
}

// Splits "[v6]:port" or "host:port"; `port` stays empty when there is none.
bool split(std::string_view text, std::string_view& host, std::string_view& port) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    host = text.substr(1, close - 1);
    const std::string_view rest = text.substr(close + 1);
    if (rest.empty()) return true;
    if (rest.front() != ':') return false;
    port = rest.substr(1);
    return !port.empty();
  }
  const std::size_t colon = text.find(':');
  host = text.substr(0, colon);
  if (colon == std::string_view::npos) return true;
  port = text.substr(colon + 1);
  return !port.empty();
}

}  // namespace

std::string Endpoint::text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

base::Result<Endpoint> parse_endpoint(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    return invalid_endpoint(text,
                            "there is no TLS here; the wire is sealed by itself, use http://");
  }
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view host;
  std::string_view port_text;
  if (!split(rest, host, port_text)) return invalid_endpoint(text, "it has no valid port");
  const bool bracketed = rest.starts_with('[');
  if (host.empty() || host.size() > kHostCharsMax) {
    return invalid_endpoint(text, "the host is empty or too long");
  }
  if (!std::all_of(host.begin(), host.end(),
                   bracketed ? is_address_character : is_host_character)) {
    return invalid_endpoint(text, "the host holds a character that no host name has");
  }
  int port = kDefaultPort;
  if (!port_text.empty()) {
    const char* end = port_text.data() + port_text.size();
    const auto parsed = std::from_chars(port_text.data(), end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end || port < 1 || port > kPortMax) {
      return invalid_endpoint(text, "the port must be a number from 1 to 65535");
    }
  }
  return Endpoint{std::string(host), port};
}

base::Result<std::vector<Endpoint>> parse_endpoints(const std::vector<std::string>& texts) {
  std::vector<Endpoint> endpoints;
  for (const std::string& text : texts) {
    auto endpoint = parse_endpoint(text);
    if (!endpoint.ok()) return endpoint.error();
    const auto same = [&](const Endpoint& other) { return other.text() == endpoint->text(); };
    if (std::none_of(endpoints.begin(), endpoints.end(), same)) endpoints.push_back(*endpoint);
  }
  if (endpoints.empty()) return invalid_endpoint("", "the list of endpoints is empty");
  if (endpoints.size() > kEndpointsMax) {
    return invalid_endpoint(texts.back(), "a client takes at most 64 endpoints");
  }
  return endpoints;
}

}  // namespace mlguard::wire
