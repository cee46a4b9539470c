#include "server/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <iostream>
#include <utility>

#include "base/files.h"
#include "base/time_format.h"
#include "wire/credentials.h"

namespace mlguard::server {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;
using base::Status;

constexpr std::int64_t kDurationMsMax = 365LL * 24 * 3'600'000;
constexpr std::size_t kHostCharsMax = 253;
// More would not fit into the memory of agents and the sets of a kernel.
constexpr std::uint64_t kRulesMaxMax = 5'000'000;
constexpr std::size_t kBodyBytesMin = 64 * 1024;
constexpr int kMissedBeatsUntilLate = 3;
// What follows from --stale-after unless it is said: 5 s and 10 min for the usual 60 s.
constexpr std::int64_t kBeatsUntilStale = 12;
constexpr std::int64_t kDeadInStalePeriods = 10;
constexpr std::int64_t kHeartbeatIntervalMsMin = 50;

// As typed, before anything is checked.
struct Typed {
  std::uint16_t port = kDefaultPort;
  std::string listen;
  std::string data_dir;
  std::string cluster_key;
  std::string peers;
  std::string advertise;
  bool join = false;
  std::string ping_interval;
  std::string election_timeout;
  std::string ship_to;
  std::string follow_from;
  bool public_status = false;
  std::size_t http_threads = 2;
  std::string heartbeat_interval;
  std::string stale_after = "60s";
  std::string dead_after;
  std::uint64_t rules_max = db::Retention().rules_max;
  std::size_t connections_per_address = kConnectionsPerAddressMax;
  std::uint64_t max_body = wire::kPlainBodyBytesMax;
  std::string log_level = "info";
  std::string log_format = "human";
};

void describe(CLI::App& app, Typed& typed) {
  app.set_version_flag("--version", "etcd-server " + std::string(kServerVersion));
  app.add_option("--port", typed.port, "Port to listen on; 0 takes a free one")
      ->capture_default_str();
  app.add_option("--listen", typed.listen, "Address to listen on [every IPv4 and IPv6 address]");
  app.add_option("--data-dir", typed.data_dir,
                 "Where the state lives [" + base::state_home() + "/PORT]");
  app.add_option("--cluster-key", typed.cluster_key,
                 "The cluster's key file; made when absent [beside the data]");
  app.add_option("--peers", typed.peers,
                 "The other instances, for the first start: HOST:PORT,HOST:PORT");
  app.add_option("--advertise", typed.advertise,
                 "How the others call this instance, HOST:PORT [localhost:PORT]");
  app.add_flag("--join", typed.join,
               "Wait to be let into the cluster of --peers (ml-guard member add)");
  app.add_option("--ship-to", typed.ship_to,
                 "Write what is committed as sealed files into this folder, while leading");
  app.add_option("--follow-from", typed.follow_from,
                 "Follow the files in this folder, and serve reads only");
  app.add_option("--ping-interval", typed.ping_interval, "Between a leader's pings [100ms]");
  app.add_option("--election-timeout", typed.election_timeout,
                 "Silence of the leader that starts an election [600ms]");
  app.add_flag("--public-status", typed.public_status,
               "Answer plain GETs (/health, /status, …) from other hosts, too");
  app.add_option("--http-threads", typed.http_threads, "Event loops")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, kHttpThreadsMax));
  app.add_option("--heartbeat-interval", typed.heartbeat_interval,
                 "What agents are told [a twelfth of --stale-after, 5s at most]");
  app.add_option("--stale-after", typed.stale_after, "Without a heartbeat for so long: stale")
      ->capture_default_str();
  app.add_option("--dead-after", typed.dead_after,
                 "Without a heartbeat for so long: dead [ten times --stale-after: 10m]");
  app.add_option("--rules-max", typed.rules_max, "How many rules may live at one time")
      ->capture_default_str()
      ->check(CLI::Range(std::uint64_t{1}, kRulesMaxMax));
  app.add_option("--connections-per-address", typed.connections_per_address,
                 "How many one other host may hold; this one is not limited")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, kConnectionsMax));
  app.add_option("--max-body", typed.max_body, "Largest request body, like 4MiB")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::uint64_t{kBodyBytesMin}, std::uint64_t{wire::kPlainBodyBytesMax}))
      ->default_str("16MiB");
  app.add_option("--log-level", typed.log_level, "debug, info, warn or error")
      ->capture_default_str();
  app.add_option("--log-format", typed.log_format, "human or json")->capture_default_str();
}

Status take_duration(const char* flag, const std::string& text, std::int64_t& out) {
  Result<std::int64_t> duration = base::parse_duration_ms(text);
  if (!duration) {
    return Error{ErrorCode::invalid_argument, "invalid_duration",
                 std::string(flag) + ": " + duration.error().message};
  }
  if (*duration <= 0 || *duration > kDurationMsMax) {
    return Error{ErrorCode::invalid_argument, "invalid_duration",
                 std::string(flag) + " must be more than 0 and at most " +
                     base::human_duration(kDurationMsMax)};
  }
  out = *duration;
  return {};
}

Status take_health(const Typed& typed, ServerOptions& options) {
  base::Status taken = take_duration("--stale-after", typed.stale_after, options.health.stale_ms);
  const std::int64_t stale = options.health.stale_ms;
  std::int64_t interval =
      std::clamp(stale / kBeatsUntilStale, kHeartbeatIntervalMsMin, kHeartbeatIntervalMs);
  options.health.dead_ms = stale * kDeadInStalePeriods;
  if (taken.ok() && !typed.heartbeat_interval.empty()) {
    taken = take_duration("--heartbeat-interval", typed.heartbeat_interval, interval);
  }
  if (taken.ok() && !typed.dead_after.empty()) {
    taken = take_duration("--dead-after", typed.dead_after, options.health.dead_ms);
  }
  if (!taken.ok()) return taken;
  options.api.heartbeat_interval_ms = interval;
  options.health.late_ms = interval * kMissedBeatsUntilLate;
  return check(options.health);
}

// Without --data-dir, instances on one host share the keys beside their data.
void take_paths(const Typed& typed, ServerOptions& options) {
  const std::string home = typed.data_dir.empty() ? base::state_home() : typed.data_dir;
  options.data_dir =
      typed.data_dir.empty() ? home + "/" + std::to_string(typed.port) : typed.data_dir;
  options.cluster_key_path =
      typed.cluster_key.empty() ? home + "/" + wire::kClusterKeyFile : typed.cluster_key;
  const std::size_t slash = options.cluster_key_path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : options.cluster_key_path.substr(0, slash);
  options.operator_key_path = folder + "/" + wire::kOperatorKeyFile;
}

bool is_loopback_host(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.substr(0, 4) == "127.";
}

// By which name the others know this instance. On one host it is called as they are.
Result<std::string> own_name(const Typed& typed, const std::vector<std::string>& peers) {
  if (typed.port == 0 && typed.advertise.empty()) {
    if (peers.empty()) return std::string();
    return Error{ErrorCode::invalid_argument, "invalid_peers",
                 "with --peers the others must know the port: say it with --port"};
  }
  const std::string port = ":" + std::to_string(typed.port);
  if (!typed.advertise.empty()) {
    Result<std::vector<std::string>> name = parse_peers(typed.advertise);
    if (name && name->size() == 1) return name->front();
    return Error{ErrorCode::invalid_argument, "invalid_advertise",
                 "--advertise: '" + typed.advertise + "' is not HOST:PORT"};
  }
  if (peers.empty()) return "localhost" + port;
  if (std::all_of(peers.begin(), peers.end(), is_loopback_host)) {
    return peers.front().substr(0, peers.front().rfind(':')) + port;
  }
  return Error{ErrorCode::invalid_argument, "invalid_advertise",
               "the peers are other hosts: say by which address they reach this one, as in  "
               "--advertise 10.0.0.1" +
                   port};
}

Status take_cluster(const Typed& typed, ServerOptions& options) {
  std::vector<std::string> peers;
  if (!typed.peers.empty()) {
    Result<std::vector<std::string>> parsed = parse_peers(typed.peers);
    if (!parsed) return parsed.error();
    peers = std::move(*parsed);
  }
  if (typed.join && peers.empty()) {
    return Error{ErrorCode::invalid_argument, "invalid_peers",
                 "--join needs --peers: the instances of the cluster to join"};
  }
  Result<std::string> self = own_name(typed, peers);
  if (!self) return self.error();
  options.replica.self = *self;
  std::erase(peers, *self);
  options.replica.initial_members = std::move(peers);
  if (!typed.join && !self->empty()) {
    options.replica.initial_members.push_back(std::move(*self));
  }
  replicator::Settings& settings = options.replica.settings;
  if (!typed.ping_interval.empty()) {
    const Status taken =
        take_duration("--ping-interval", typed.ping_interval, settings.ping_interval_ms);
    if (!taken.ok()) return taken;
  }
  if (!typed.election_timeout.empty()) {
    const Status taken =
        take_duration("--election-timeout", typed.election_timeout, settings.election_timeout_ms);
    if (!taken.ok()) return taken;
  }
  return replicator::validate(settings);
}

Status take(const Typed& typed, ServerFlags& flags) {
  if (Status s = take_cluster(typed, flags.options); !s) return s;
  flags.options.http.port = typed.port;
  flags.options.ship_to = typed.ship_to;
  flags.options.follow_from = typed.follow_from;
  if (!typed.follow_from.empty() && !(typed.peers.empty() && typed.ship_to.empty())) {
    return Error{ErrorCode::invalid_argument, "invalid_follow_from",
                 "--follow-from: an instance that follows files has no --peers and ships nothing"};
  }
  flags.options.http.address = typed.listen;
  flags.options.http.threads = typed.http_threads;
  flags.options.http.connections_per_address_max = typed.connections_per_address;
  flags.options.retention.rules_max = typed.rules_max;
  flags.options.api.body_bytes_max = static_cast<std::size_t>(typed.max_body);
  if (typed.public_status) flags.options.api.public_status = PublicStatus::everybody;
  if (Status s = take_health(typed, flags.options); !s) return s;
  Result<base::LogLevel> level = base::parse_log_level(typed.log_level);
  if (!level) return level.error();
  Result<base::LogFormat> format = base::parse_log_format(typed.log_format);
  if (!format) return format.error();
  flags.log_level = *level;
  flags.log_format = *format;
  take_paths(typed, flags.options);
  return {};
}

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-';
}

bool is_host(std::string_view host) {
  if (host.empty() || host.size() > kHostCharsMax) return false;
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    return host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdefABCDEF:.") ==
           std::string_view::npos;
  }
  for (const char c : host) {
    if (!is_host_character(c)) return false;
  }
  return true;
}

bool is_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || !is_host(address.substr(0, colon))) return false;
  const std::string_view digits = address.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  return error == std::errc() && end == digits.data() + digits.size() && port > 0;
}

}  // namespace

Result<std::vector<std::string>> parse_peers(std::string_view text) {
  std::vector<std::string> peers;
  for (;;) {
    const std::size_t comma = text.find(',');
    std::string_view peer = text.substr(0, comma);
    while (!peer.empty() && peer.front() == ' ') peer.remove_prefix(1);
    while (!peer.empty() && peer.back() == ' ') peer.remove_suffix(1);
    if (!is_address(peer)) {
      return Error{ErrorCode::invalid_argument, "invalid_peers",
                   "--peers: '" + std::string(peer) +
                       "' is not HOST:PORT; write localhost:2380,localhost:2381"};
    }
    peers.emplace_back(peer);
    if (comma == std::string_view::npos) return peers;
    text.remove_prefix(comma + 1);
  }
}

ServerFlags parse_server_flags(int argc, char** argv) {
  ServerFlags flags;
  Typed typed;
  CLI::App app("etcd-server: the control plane of ml-guard (not the etcd of etcd.io)");
  describe(app, typed);
  app.footer("etcd-server restore --help: a new instance out of what --ship-to left in a folder");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool asked = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    app.exit(error, std::cout, std::cerr);
    flags.exit_code = asked ? 0 : kExitUsage;
    return flags;
  }
  if (Status taken = take(typed, flags); !taken) {
    std::cerr << "etcd-server: " << taken.error().message << "\n";
    flags.exit_code = kExitUsage;
  }
  return flags;
}

}  // namespace mlguard::server
