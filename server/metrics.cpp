#include "server/metrics.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstdio>
#include <utility>

namespace mlguard::server {

namespace {

// Every status that the server gives; anything else counts as the last, 599.
constexpr std::array<int, 20> kStatusCodes = {200, 201, 204, 400, 401, 403, 404, 405, 408, 409,
                                              410, 412, 413, 429, 500, 501, 503, 504, 507, 599};

struct Bucket {
  std::int64_t up_to_us;
  const char* label;
};
// The last bucket takes everything.
constexpr std::array<Bucket, 15> kDurationBuckets = {{{100, "0.0001"},
                                                      {250, "0.00025"},
                                                      {500, "0.0005"},
                                                      {1'000, "0.001"},
                                                      {2'500, "0.0025"},
                                                      {5'000, "0.005"},
                                                      {10'000, "0.01"},
                                                      {25'000, "0.025"},
                                                      {50'000, "0.05"},
                                                      {100'000, "0.1"},
                                                      {250'000, "0.25"},
                                                      {500'000, "0.5"},
                                                      {1'000'000, "1"},
                                                      {10'000'000, "10"},
                                                      {INT64_MAX, "+Inf"}}};

constexpr std::array<const char*, kHandshakeOutcomes> kOutcomeNames = {
    "ok", "malformed", "failed", "not_enrolled", "revoked", "token", "rate_limited", "full"};

std::size_t status_index(int status) {
  const auto* const found = std::find(kStatusCodes.begin(), kStatusCodes.end() - 1, status);
  return static_cast<std::size_t>(found - kStatusCodes.begin());
}

std::string number(double value) {
  std::array<char, 32> text{};
  const bool whole = std::floor(value) == value && std::abs(value) < 1e15;
  std::snprintf(text.data(), text.size(), whole ? "%.0f" : "%.6g", value);
  return text.data();
}

double to_double(const std::atomic<std::uint64_t>& counter) {
  return static_cast<double>(counter.load(std::memory_order_relaxed));
}

}  // namespace

void metric_head(std::string& out, std::string_view name, std::string_view type,
                 std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

void metric_sample(std::string& out, std::string_view name, std::string_view labels, double value) {
  out.append(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(number(value)).append("\n");
}

void metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            double value) {
  metric_head(out, name, type, help);
  metric_sample(out, name, "", value);
}

Metrics::Metrics(std::vector<std::string> routes) : routes_(std::move(routes)) {
  static_assert(kStatuses == kStatusCodes.size() && kBuckets == kDurationBuckets.size());
  routes_.emplace_back("none");
  assert(routes_.size() <= kMetricRoutesMax);
}

void Metrics::request(std::size_t route, int status, std::int64_t duration_us) {
  PerRoute& counters = per_route_[route];
  add(counters.by_status[status_index(status)]);
  std::size_t bucket = 0;
  while (duration_us > kDurationBuckets[bucket].up_to_us) ++bucket;
  add(counters.by_duration[bucket]);
  add(counters.duration_us_sum, static_cast<std::uint64_t>(std::max<std::int64_t>(0, duration_us)));
}

void Metrics::body(std::size_t route, Direction direction, Encoding encoding) {
  add(per_route_[route]
          .bodies[static_cast<std::size_t>(direction)][static_cast<std::size_t>(encoding)]);
}

void Metrics::handshake(HandshakeOutcome outcome) {
  add(handshakes_[static_cast<std::size_t>(outcome)]);
}

void Metrics::render_requests(std::string& out) const {
  metric_head(out, "mlguard_http_requests_total", "counter", "Requests by route and status.");
  for (std::size_t route = 0; route < routes_.size(); ++route) {
    for (std::size_t status = 0; status < kStatuses; ++status) {
      const double count = to_double(per_route_[route].by_status[status]);
      if (count == 0) continue;
      metric_sample(out, "mlguard_http_requests_total",
                    "route=\"" + routes_[route] + "\",status=\"" +
                        std::to_string(kStatusCodes[status]) + "\"",
                    count);
    }
  }
}

void Metrics::render_durations(std::string& out) const {
  constexpr std::string_view kName = "mlguard_http_request_duration_seconds";
  metric_head(out, kName, "histogram", "Time from a whole request to its answer.");
  for (std::size_t route = 0; route < routes_.size(); ++route) {
    const PerRoute& counters = per_route_[route];
    double total = 0;
    for (const Counter& count : counters.by_duration) total += to_double(count);
    if (total == 0) continue;
    const std::string label = "route=\"" + routes_[route] + "\"";
    double below = 0;
    for (std::size_t bucket = 0; bucket < kBuckets; ++bucket) {
      below += to_double(counters.by_duration[bucket]);
      metric_sample(out, std::string(kName) + "_bucket",
                    label + ",le=\"" + kDurationBuckets[bucket].label + "\"", below);
    }
    metric_sample(out, std::string(kName) + "_sum", label,
                  to_double(counters.duration_us_sum) / 1e6);
    metric_sample(out, std::string(kName) + "_count", label, below);
  }
}

void Metrics::render_bodies(std::string& out) const {
  metric_head(out, "mlguard_http_bodies_total", "counter",
              "Bodies by route, direction and encoding; empty ones are not counted.");
  for (std::size_t route = 0; route < routes_.size(); ++route) {
    for (const Direction direction : {Direction::in, Direction::out}) {
      for (const Encoding encoding : {Encoding::identity, Encoding::lz4}) {
        const double count = to_double(
            per_route_[route]
                .bodies[static_cast<std::size_t>(direction)][static_cast<std::size_t>(encoding)]);
        if (count == 0) continue;
        metric_sample(out, "mlguard_http_bodies_total",
                      "route=\"" + routes_[route] + "\",direction=\"" +
                          (direction == Direction::in ? "in" : "out") + "\",encoding=\"" +
                          (encoding == Encoding::lz4 ? "lz4" : "identity") + "\"",
                      count);
      }
    }
  }
}

void Metrics::render_sessions(std::string& out) const {
  metric_head(out, "mlguard_handshakes_total", "counter", "Handshakes by outcome.");
  for (std::size_t i = 0; i < kHandshakeOutcomes; ++i) {
    metric_sample(out, "mlguard_handshakes_total",
                  std::string("outcome=\"") + kOutcomeNames[i] + "\"", to_double(handshakes_[i]));
  }
  metric(out, "mlguard_seal_failures_total", "counter",
         "Requests refused because their seal was bad.", to_double(seal_failures_));
  metric(out, "mlguard_replays_refused_total", "counter", "Requests refused as replays.",
         to_double(replays_refused_));
  metric(out, "mlguard_unsealed_refused_total", "counter",
         "Requests refused because they were not sealed.", to_double(not_sealed_));
}

std::string Metrics::render() const {
  std::string out;
  render_requests(out);
  render_durations(out);
  render_bodies(out);
  render_sessions(out);
  return out;
}

}  // namespace mlguard::server
