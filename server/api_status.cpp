#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <utility>

#include "base/files.h"
#include "server/api_handlers.h"
#include "server/api_json.h"
#include "server/route_table.h"

namespace mlguard::server {

namespace {

constexpr const char* kPrometheusText = "text/plain; version=0.0.4; charset=utf-8";
constexpr std::size_t kProcBytesMax = 4096;

double resident_bytes() {
  base::Result<std::string> statm = base::read_file("/proc/self/statm", kProcBytesMax);
  if (!statm) return 0;
  unsigned long pages = 0;
  unsigned long resident = 0;
  if (std::sscanf(statm->c_str(), "%lu %lu", &pages, &resident) != 2) return 0;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void render_process(std::string& out, std::int64_t started_ms) {
  metric(out, "process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes());
  metric(out, "process_cpu_seconds_total", "counter", "CPU time, user and system.", cpu_seconds());
  metric(out, "process_start_time_seconds", "gauge", "When the server started, Unix time.",
         static_cast<double>(started_ms) / 1'000);
}

void render_http(std::string& out, const HttpCounters& http) {
  const auto value = [](const std::atomic<std::uint64_t>& counter) {
    return static_cast<double>(counter.load(std::memory_order_relaxed));
  };
  metric(out, "mlguard_http_connections", "gauge", "Open connections.", value(http.connections));
  metric(out, "mlguard_http_connections_total", "counter", "Connections accepted.",
         value(http.connections_total));
  metric(out, "mlguard_http_bytes_in_total", "counter", "Bytes received.", value(http.bytes_in));
  metric(out, "mlguard_http_bytes_out_total", "counter", "Bytes sent.", value(http.bytes_out));
  metric(out, "mlguard_http_gone_while_waiting_total", "counter",
         "Requests whose client left before the answer.", value(http.gone_while_waiting));
  constexpr std::string_view kCut = "mlguard_http_connections_cut_total";
  metric_head(out, kCut, "counter", "Connections cut off, by reason.");
  metric_sample(out, kCut, "reason=\"slow_request\"", value(http.cut_slow_request));
  metric_sample(out, kCut, "reason=\"slow_answer\"", value(http.cut_slow_answer));
  metric_sample(out, kCut, "reason=\"memory\"", value(http.cut_memory));
  metric_sample(out, kCut, "reason=\"address\"", value(http.cut_address));
}

void render_store(std::string& out, const ApiContext& api) {
  const db::EngineCounters counters = api.engine.counters();
  const db::EngineStatus status = api.engine.status();
  metric(out, "mlguard_store_writes_total", "counter", "Writes made durable.",
         static_cast<double>(counters.writes));
  metric(out, "mlguard_store_write_groups_total", "counter", "Transactions, one fsync each.",
         static_cast<double>(counters.write_groups));
  metric(out, "mlguard_store_writes_failed_total", "counter", "Writes refused or failed.",
         static_cast<double>(counters.writes_failed));
  metric(out, "mlguard_store_writes_replayed_total", "counter",
         "Writes answered from the memory of request ids.",
         static_cast<double>(counters.writes_replayed));
  metric(out, "mlguard_store_queue_length", "gauge", "Writes waiting for the writer.",
         static_cast<double>(counters.queue_length));
  metric(out, "mlguard_committed_revision", "gauge", "Revision known to be committed.",
         static_cast<double>(status.committed));
  metric(out, "mlguard_term", "gauge", "The replication protocol's term.",
         static_cast<double>(status.term));
  metric(out, "mlguard_leads", "gauge", "1 on the leader.", api.replica.ticket().term != 0 ? 1 : 0);
  constexpr std::string_view kSent = "mlguard_peer_requests_total";
  metric_head(out, kSent, "counter", "Requests of the replication protocol to peers, by kind.");
  for (const auto& [kind, count] : api.replica.messages_sent()) {
    metric_sample(out, kSent, "kind=\"" + kind + "\"", static_cast<double>(count));
  }
  metric(out, "mlguard_store_revision", "gauge", "Revision of the state.",
         static_cast<double>(status.revision));
  metric(out, "mlguard_store_bytes", "gauge", "Size of the database on disk.",
         static_cast<double>(status.bytes_on_disk));
  metric(out, "mlguard_store_healthy", "gauge", "0 when the disk refused a write.",
         status.healthy ? 1 : 0);
}

void render_fleet(std::string& out, const ApiContext& api) {
  std::array<double, 4> by_health{};
  for (const ComponentHealth& component : api.health.components()) {
    by_health[static_cast<std::size_t>(component.health)] += 1;
  }
  constexpr std::string_view kComponents = "mlguard_components";
  metric_head(out, kComponents, "gauge", "Registered components by health.");
  for (std::size_t i = 0; i < by_health.size(); ++i) {
    const std::string name = base::to_string(static_cast<base::Health>(i));
    metric_sample(out, kComponents, "health=\"" + name + "\"", by_health[i]);
  }
  metric(out, "mlguard_sessions", "gauge", "Sealed sessions.",
         static_cast<double>(api.sessions.size()));
  metric(out, "mlguard_long_polls_waiting", "gauge", "Long polls that wait for a change.",
         static_cast<double>(api.hub.waiting()));
  metric(out, "mlguard_worker_queue_length", "gauge", "Reads waiting for a worker.",
         static_cast<double>(api.pool.queue_length()));
}

}  // namespace

void get_health(ApiContext& api, const ExchangePtr& exchange) {
  exchange->reply(json_answer(encode_health(api.health.components(), api.engine.status().healthy,
                                            api.health.expiry_suspended())));
}

void get_status(ApiContext& api, const ExchangePtr& exchange) {
  StatusReport report;
  report.engine = api.engine.status();
  report.cluster = api.replica.view();
  report.age_ms = api.replica.age_ms();
  report.found_at = api.found_at;
  if (const ShippingThread* shipping = api.shipping) report.shipping = shipping->status();
  report.cluster_id = api.cluster.cluster_id();
  report.version = kServerVersion;
  report.uptime_ms = api.clock.wall_ms() - api.started_ms;
  exchange->reply(json_answer(encode_status(report)));
}

void get_metrics(ApiContext& api, const ExchangePtr& exchange) {
  std::string out = api.metrics.render();
  if (const HttpCounters* http = api.http) render_http(out, *http);
  render_store(out, api);
  render_fleet(out, api);
  render_process(out, api.started_ms);
  ApiAnswer answer = json_answer(std::move(out));
  answer.content_type = kPrometheusText;
  exchange->reply(std::move(answer));
}

void get_info(ApiContext& /*api*/, const ExchangePtr& exchange) {
  std::vector<std::string> names;
  for (const Route& route : routes()) names.push_back(std::string(route.method) + " " + route.path);
  exchange->reply(json_answer(encode_info(kServerVersion, names)));
}

}  // namespace mlguard::server
