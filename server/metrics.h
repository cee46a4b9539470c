// Metrics: counters of the hot path, kept in relaxed atomics, and their Prometheus text
// (exposition format 0.0.4). Labels are fixed sets, so memory is bounded.
//
// Threads: any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlguard::server {

inline constexpr std::size_t kMetricRoutesMax = 128;

enum class Direction { in, out };
// How a sealed body travelled. Plain answers count as identity.
enum class Encoding { identity, lz4 };

enum class HandshakeOutcome { ok, malformed, failed, not_enrolled, revoked, token, limited, full };
inline constexpr std::size_t kHandshakeOutcomes =
    static_cast<std::size_t>(HandshakeOutcome::full) + 1;

class Metrics {
 public:
  // `routes`: their labels, by index. What belongs to no route counts under "none".
  explicit Metrics(std::vector<std::string> routes);

  std::size_t no_route() const { return routes_.size() - 1; }
  void request(std::size_t route, int status, std::int64_t duration_us);
  void body(std::size_t route, Direction direction, Encoding encoding);
  void handshake(HandshakeOutcome outcome);
  void seal_failure() { add(seal_failures_); }
  void replay_refused() { add(replays_refused_); }
  void not_sealed() { add(not_sealed_); }

  std::string render() const;

 private:
  using Counter = std::atomic<std::uint64_t>;
  static constexpr std::size_t kStatuses = 20;
  static constexpr std::size_t kBuckets = 15;
  struct PerRoute {
    std::array<Counter, kStatuses> by_status{};
    std::array<Counter, kBuckets> by_duration{};
    Counter duration_us_sum = 0;
    std::array<std::array<Counter, 2>, 2> bodies{};  // [direction][encoding]
  };
  static void add(Counter& counter, std::uint64_t by = 1) {
    counter.fetch_add(by, std::memory_order_relaxed);
  }
  void render_requests(std::string& out) const;
  void render_durations(std::string& out) const;
  void render_bodies(std::string& out) const;
  void render_sessions(std::string& out) const;

  std::vector<std::string> routes_;
  std::array<PerRoute, kMetricRoutesMax> per_route_;
  std::array<Counter, kHandshakeOutcomes> handshakes_{};
  Counter seal_failures_ = 0;
  Counter replays_refused_ = 0;
  Counter not_sealed_ = 0;
};

// Appends "# HELP", "# TYPE" and, without labels, the one sample.
void metric_head(std::string& out, std::string_view name, std::string_view type,
                 std::string_view help);
void metric_sample(std::string& out, std::string_view name, std::string_view labels, double value);
void metric(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            double value);

}  // namespace mlguard::server
