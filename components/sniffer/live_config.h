// LiveConfig: the sniffer's configuration document as values. docs/configuration.md explains each
// key; config_schema.h has their limits. Plain data and one function; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace mlguard::sniffer {

struct LiveConfig {
  std::vector<std::string> interfaces = {"eth0"};
  std::uint32_t sample_one_in = 1;
  std::uint32_t idle_timeout_s = 15;
  std::uint32_t active_timeout_s = 60;
  std::uint32_t flows_max = 65'536;
  std::string endpoint = "tcp://127.0.0.1:5571";
  std::size_t batch_flows = 256;
  std::uint32_t batch_wait_ms = 20;
  bool operator==(const LiveConfig&) const = default;
};

// Keys that the document leaves out have the values above. Errors: check_config's.
base::Result<LiveConfig> parse_live_config(std::string_view document);

}  // namespace mlguard::sniffer
