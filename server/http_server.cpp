#include "server/http_server.h"

#include <event2/event.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <ctime>
#include <utility>

#include "base/logging.h"
#include "server/address_counts.h"
#include "server/http_loop.h"
#include "server/listen_sockets.h"

namespace mlguard::server {

namespace {

// Beside connections: databases, logs, event loops.
constexpr std::size_t kOtherFilesMax = 256;
constexpr std::size_t kConnectionsMin = 64;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000LL + now.tv_nsec / 1'000'000;
}

// Raises the limit on open files as far as needed and permitted. Returns how many connections fit.
base::Result<std::size_t> make_room_for(std::size_t connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = connections + kOtherFilesMax;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted) return connections;
  if (limit.rlim_cur < kConnectionsMin + kOtherFilesMax) {
    return base::Error{base::ErrorCode::resource_exhausted, "too_few_files",
                       "only " + std::to_string(limit.rlim_cur) +
                           " open files are permitted: raise the limit (ulimit -n 16640)"};
  }
  const std::size_t fits = limit.rlim_cur - kOtherFilesMax;
  base::log_warn("fewer connections than wished, by the limit on open files",
                 {{"connections_max", fits}, {"wished", connections}});
  return fits;
}

// libevent's own remarks are about connections that went wrong: of use only when looking for them.
void log_libevent(int /*severity*/, const char* message) {
  base::log_debug("libevent", {{"message", message}});
}

}  // namespace

bool is_loopback(const std::string& address) {
  return address == "::1" || address.rfind("127.", 0) == 0 || address.rfind("::ffff:127.", 0) == 0;
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpOptions& options,
                                                            HttpHandler handler) {
  // A write to a connection that the client has closed is an error code, not the process's end.
  std::signal(SIGPIPE, SIG_IGN);
  event_set_log_callback(log_libevent);
  base::Result<std::size_t> connections = make_room_for(options.connections_max);
  if (!connections) return connections.error();
  base::Result<ListenSockets> sockets =
      open_listen_sockets(options.address, options.port, options.threads);
  if (!sockets) return sockets.error();
  std::unique_ptr<HttpServer> server(new HttpServer());
  server->port_ = sockets->port;
  server->options_ = std::make_unique<HttpOptions>(options);
  server->options_->connections_max = *connections;
  server->handler_ = std::make_unique<HttpHandler>(std::move(handler));
  server->counters_ = std::make_unique<HttpCounters>();
  server->addresses_ = std::make_unique<AddressCounts>(options.connections_per_address_max);
  for (std::vector<base::UniqueFd>& listeners : sockets->by_loop) {
    server->loops_.push_back(std::make_unique<HttpLoop>(*server->options_, *server->counters_,
                                                        *server->addresses_, *server->handler_,
                                                        std::move(listeners)));
  }
  for (const auto& loop : server->loops_) loop->start();
  return server;
}

HttpServer::HttpServer() = default;
HttpServer::~HttpServer() { stop(0); }

void HttpServer::stop_accepting() {
  for (const auto& loop : loops_) loop->stop_accepting();
}

void HttpServer::stop(std::int64_t grace_ms) {
  const std::int64_t deadline = now_ms() + grace_ms;
  for (const auto& loop : loops_) loop->finish(deadline);
  for (const auto& loop : loops_) loop->join();
}

}  // namespace mlguard::server
