#include "endpoint_session.h"

#include <utility>

namespace mlguard::etcd_client {

namespace {

constexpr milliseconds kCancelCheck{20};  // How often a waiting caller looks at its Canceller.

}  // namespace

EndpointSession::Grant EndpointSession::get(wire::HttpConnection& connection,
                                            const wire::HttpTimeouts& timeouts,
                                            const Canceller& canceller) {
  {
    std::unique_lock lock(mutex_);
    if (session_) {
      Grant grant;
      grant.made.session = session_;
      return grant;
    }
    if (running_) return {wait(lock, timeouts, canceller), false};
    running_ = true;
  }
  return {run(connection, timeouts), true};
}

HandshakeResult EndpointSession::run(wire::HttpConnection& connection,
                                     const wire::HttpTimeouts& timeouts) {
  HandshakeResult result =
      wire::handshake(introduction_.identity, introduction_.hello, connection, timeouts);
  const std::lock_guard lock(mutex_);
  session_ = result.session;
  last_failure_ = result.failure;
  if (result.session) welcome_ = result.welcome;
  running_ = false;
  ++handshakes_;
  finished_.notify_all();
  return result;
}

HandshakeResult EndpointSession::wait(std::unique_lock<std::mutex>& lock,
                                      const wire::HttpTimeouts& timeouts,
                                      const Canceller& canceller) {
  const auto ends = std::chrono::steady_clock::now() + timeouts.whole;
  const std::uint64_t before = handshakes_;
  while (handshakes_ == before && !canceller.cancelled() &&
         std::chrono::steady_clock::now() < ends) {
    finished_.wait_for(lock, kCancelCheck);
  }
  HandshakeResult result;
  result.session = session_;
  result.failure = last_failure_;
  if (handshakes_ == before) {
    result.failure = {{base::ErrorCode::unavailable, "the handshake took too long"}, true};
  } else if (!session_ && result.failure.error.message.empty()) {
    // Made and lost again before this thread woke up.
    result.failure = {{base::ErrorCode::unavailable, "the session ended at once"}, true};
  }
  return result;
}

void EndpointSession::drop(const Session& bad) {
  const std::lock_guard lock(mutex_);
  if (session_ == bad) session_.reset();
}

void EndpointSession::renew() {
  const std::lock_guard lock(mutex_);
  session_.reset();
}

std::optional<wire::HandshakeWelcome> EndpointSession::welcome() const {
  const std::lock_guard lock(mutex_);
  return welcome_;
}

}  // namespace mlguard::etcd_client
