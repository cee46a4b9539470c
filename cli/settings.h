// Where a run goes and how it speaks: flags over environment over config file over defaults.
// Passive data after resolve_settings(); safe to read from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "etcd_client/client.h"

namespace mlguard::cli {

inline constexpr std::size_t kConfigFileBytesMax = 64 * 1024;
inline constexpr const char* kDefaultEndpoint = "localhost:2379";

// As typed; absent when not.
struct GlobalFlags {
  std::optional<std::string> endpoints;
  std::optional<std::string> credentials;
  std::optional<std::string> output;
  std::optional<std::string> color;
  std::optional<std::string> timeout;
  std::optional<std::string> consistency;
  std::optional<std::string> ack;
  bool quiet = false;
};

struct Settings {
  std::vector<std::string> endpoints;
  // Candidates in order; the first that exists is used. One that was named explicitly stands alone.
  std::vector<std::string> credential_paths;
  OutputMode output = OutputMode::table;
  Color out_color = Color::off;
  Color err_color = Color::off;
  std::chrono::milliseconds timeout{10'000};
  etcd_client::Consistency consistency = etcd_client::Consistency::linearizable;
  etcd_client::Ack ack = etcd_client::Ack::quorum;
  bool quiet = false;
};

const char* to_string(etcd_client::Consistency consistency);
const char* to_string(etcd_client::Ack ack);

// ${XDG_CONFIG_HOME:-~/.config}/ml-guard: config.json and the operator.key of `ml-guard enroll`.
std::string config_home(const Environment& environment);

// Errors: usage, naming the flag, variable or file that is wrong.
base::Result<Settings> resolve_settings(const GlobalFlags& flags, const Environment& environment,
                                        const Streams& streams);

}  // namespace mlguard::cli
