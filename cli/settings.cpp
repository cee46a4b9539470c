#include "cli/settings.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/time_format.h"
#include "cli/exit_code.h"

namespace mlguard::cli {
namespace {

using nlohmann::json;

struct ConfigFile {
  std::optional<std::string> endpoints;
  std::optional<std::string> credentials;
  std::optional<std::string> output;
};

base::Error bad_file(const std::string& path, const std::string& what) {
  return usage_error(path + ": " + what + "; it should look like " +
                     R"({"endpoints": ["host:2379"], "credentials": "FILE", "output": "table"})");
}

base::Result<ConfigFile> read_config_file(const std::string& path) {
  auto text = base::read_file(path, kConfigFileBytesMax);
  if (!text.ok()) {
    if (text.error().code == base::ErrorCode::not_found) return ConfigFile{};
    return usage_error(text.error().message);
  }
  const json parsed = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!parsed.is_object()) return bad_file(path, "not a JSON object");
  ConfigFile file;
  for (const auto& [key, value] : parsed.items()) {
    if (key == "endpoints" && value.is_array()) {
      std::string joined;
      for (const json& endpoint : value) {
        if (!endpoint.is_string()) return bad_file(path, "an endpoint is not a string");
        joined += (joined.empty() ? "" : ",") + endpoint.get<std::string>();
      }
      file.endpoints = joined;
    } else if (key == "credentials" && value.is_string()) {
      file.credentials = value.get<std::string>();
    } else if (key == "output" && value.is_string()) {
      file.output = value.get<std::string>();
    } else {
      return bad_file(path, "'" + key + "' is unknown or of the wrong type");
    }
  }
  return file;
}

// The first that is there: flag, variable, file.
std::optional<std::string> first_of(const std::optional<std::string>& flag,
                                    const std::string& variable,
                                    const std::optional<std::string>& file) {
  if (flag) return flag;
  if (!variable.empty()) return variable;
  return file;
}

base::Result<std::vector<std::string>> split_endpoints(const std::string& text) {
  std::vector<std::string> endpoints;
  std::size_t begin = 0;
  while (begin <= text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string endpoint = text.substr(begin, end - begin);
    const std::size_t first = endpoint.find_first_not_of(" \t");
    const std::size_t last = endpoint.find_last_not_of(" \t");
    if (first != std::string::npos) endpoints.push_back(endpoint.substr(first, last - first + 1));
    begin = end + 1;
  }
  if (endpoints.empty()) {
    return usage_error("no endpoint is named; write --endpoints HOST:PORT[,HOST:PORT]");
  }
  return endpoints;
}

base::Status choose_guarantees(const GlobalFlags& flags, Settings& settings) {
  using etcd_client::Ack;
  using etcd_client::Consistency;
  const std::string read = flags.consistency.value_or(to_string(settings.consistency));
  bool known = false;
  for (const auto level : {Consistency::linearizable, Consistency::leader, Consistency::local}) {
    if (read != to_string(level)) continue;
    settings.consistency = level;
    known = true;
  }
  if (!known) {
    return usage_error("the consistency '" + read + "' is not one of linearizable, leader, local");
  }
  const std::string write = flags.ack.value_or(to_string(settings.ack));
  settings.ack = write == to_string(Ack::leader) ? Ack::leader : Ack::quorum;
  if (write == to_string(settings.ack)) return {};
  return usage_error("--ack '" + write + "' is not one of quorum, leader");
}

Color color_for(ColorChoice choice, bool is_terminal, const Environment& environment) {
  switch (choice) {
    case ColorChoice::always: return Color::on;
    case ColorChoice::never: return Color::off;
    case ColorChoice::automatic: break;
  }
  // https://no-color.org: present and not empty, whatever it says.
  const bool wanted = environment.get("NO_COLOR").empty() && environment.get("TERM") != "dumb";
  return is_terminal && wanted ? Color::on : Color::off;
}

}  // namespace

const char* to_string(etcd_client::Consistency consistency) {
  switch (consistency) {
    case etcd_client::Consistency::linearizable: return "linearizable";
    case etcd_client::Consistency::leader: return "leader";
    case etcd_client::Consistency::local: return "local";
  }
  return "";
}

const char* to_string(etcd_client::Ack ack) {
  return ack == etcd_client::Ack::quorum ? "quorum" : "leader";
}

std::string config_home(const Environment& environment) {
  const std::string xdg = environment.get("XDG_CONFIG_HOME");
  if (!xdg.empty()) return xdg + "/ml-guard";
  const std::string home = environment.get("HOME");
  return (home.empty() ? "/root" : home) + "/.config/ml-guard";
}

base::Result<Settings> resolve_settings(const GlobalFlags& flags, const Environment& environment,
                                        const Streams& streams) {
  const std::string home = config_home(environment);
  auto file = read_config_file(home + "/config.json");
  if (!file.ok()) return file.error();

  Settings settings;
  settings.quiet = flags.quiet;
  const auto endpoints =
      first_of(flags.endpoints, environment.get("MLGUARD_ENDPOINTS"), file->endpoints);
  auto list = split_endpoints(endpoints.value_or(kDefaultEndpoint));
  if (!list.ok()) return list.error();
  settings.endpoints = std::move(*list);

  const auto credentials =
      first_of(flags.credentials, environment.get("MLGUARD_CREDENTIALS"), file->credentials);
  if (credentials) {
    settings.credential_paths = {*credentials};
  } else {
    settings.credential_paths = {home + "/operator.key", environment.state_home + "/operator.key"};
  }

  auto output = parse_output_mode(first_of(flags.output, "", file->output).value_or("table"));
  if (!output.ok()) return output.error();
  settings.output = *output;

  auto choice = parse_color_choice(flags.color.value_or("auto"));
  if (!choice.ok()) return choice.error();
  settings.out_color = color_for(*choice, streams.out_is_terminal, environment);
  settings.err_color = color_for(*choice, streams.err_is_terminal, environment);

  const auto chosen = choose_guarantees(flags, settings);
  if (!chosen.ok()) return chosen.error();

  if (flags.timeout) {
    auto timeout = base::parse_duration_ms(*flags.timeout);
    if (!timeout.ok() || *timeout <= 0) {
      return usage_error("--timeout '" + *flags.timeout + "' is not a duration such as 10s or 2m");
    }
    settings.timeout = std::chrono::milliseconds(*timeout);
  }
  return settings;
}

}  // namespace mlguard::cli
