// ServerSide: the firewall's talk with the control plane: it follows the rule stream, reports what
// is in force and what was repaired, and tells the firewall where the control plane is.
//
// A thread of its own, so that no slow server holds up the firewall. Client and firewall must
// outlive it; the destructor ends the thread (the client's calls should be cancelled before).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "etcd_client/client.h"
#include "firewall/live_firewall.h"

namespace mlguard::firewall {

class ServerSide {
 public:
  ServerSide(LiveFirewall& firewall, etcd_client::Client& client, std::string component);
  ~ServerSide();
  ServerSide(const ServerSide&) = delete;
  ServerSide& operator=(const ServerSide&) = delete;

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void follow(std::uint64_t after);
  void report();
  void look_for_control_plane();

  LiveFirewall& firewall_;
  etcd_client::Client& client_;
  const std::string component_;
  std::unique_ptr<etcd_client::Subscription> rules_;
  Clock::time_point full_at_;    // Not before this is everything asked for again.
  Clock::time_point report_at_;  // Not before this is anything reported again.
  Clock::time_point look_at_;
  bool must_begin_anew_ = false;
  std::optional<RulesInForce> reported_;
  std::vector<std::string> repairs_;  // Not reported yet.
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

}  // namespace mlguard::firewall
