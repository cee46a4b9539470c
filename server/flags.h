// The command line of etcd-server, checked as a whole. Stateless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/logging.h"
#include "base/result.h"
#include "server/server.h"

namespace mlguard::server {

inline constexpr std::uint16_t kDefaultPort = 2379;
inline constexpr std::size_t kHttpThreadsMax = 64;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;

struct ServerFlags {
  ServerOptions options;
  base::LogLevel log_level = base::LogLevel::info;
  base::LogFormat log_format = base::LogFormat::human;
  int exit_code = -1;  // -1: go on. Else the process is done (--help, or an error it printed).
};

ServerFlags parse_server_flags(int argc, char** argv);

// "localhost:2380,localhost:2381" → its parts, each checked. invalid_argument / "invalid_peers".
base::Result<std::vector<std::string>> parse_peers(std::string_view text);

}  // namespace mlguard::server
