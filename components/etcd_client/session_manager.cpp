#include "session_manager.h"

#include <utility>

namespace mlguard::etcd_client {

namespace {

constexpr milliseconds kCancelCheck{20};  // How often a waiting caller looks at its Canceller.

}  // namespace

SessionManager::SessionManager(const wire::ClientIdentity& identity, std::string hello,
                               std::size_t endpoints)
    : identity_(identity), hello_(std::move(hello)) {
  for (std::size_t i = 0; i < endpoints; ++i) slots_.push_back(std::make_unique<Slot>());
}

HandshakeResult SessionManager::get(std::size_t endpoint, wire::HttpConnection& connection,
                                    const wire::HttpTimeouts& timeouts,
                                    const Canceller& canceller) {
  Slot& slot = *slots_[endpoint];
  {
    std::unique_lock lock(slot.mutex);
    if (slot.session) {
      HandshakeResult result;
      result.session = slot.session;
      return result;
    }
    if (slot.running) return wait(slot, lock, timeouts, canceller);
    slot.running = true;
  }
  return run(slot, connection, timeouts);
}

HandshakeResult SessionManager::run(Slot& slot, wire::HttpConnection& connection,
                                    const wire::HttpTimeouts& timeouts) {
  HandshakeResult result = wire::handshake(identity_, hello_, connection, timeouts);
  const std::lock_guard lock(slot.mutex);
  slot.session = result.session;
  slot.last_failure = result.failure;
  if (result.session) slot.welcome = result.welcome;
  slot.running = false;
  ++slot.handshakes;
  slot.finished.notify_all();
  return result;
}

HandshakeResult SessionManager::wait(Slot& slot, std::unique_lock<std::mutex>& lock,
                                     const wire::HttpTimeouts& timeouts,
                                     const Canceller& canceller) {
  const auto ends = std::chrono::steady_clock::now() + timeouts.whole;
  const std::uint64_t before = slot.handshakes;
  while (slot.handshakes == before && !canceller.cancelled() &&
         std::chrono::steady_clock::now() < ends) {
    slot.finished.wait_for(lock, kCancelCheck);
  }
  HandshakeResult result;
  result.session = slot.session;
  result.failure = slot.last_failure;
  if (slot.handshakes == before) {
    result.failure = {{base::ErrorCode::unavailable, "the handshake took too long"}, true};
  } else if (!slot.session && result.failure.error.message.empty()) {
    // Made and lost again before this thread woke up.
    result.failure = {{base::ErrorCode::unavailable, "the session ended at once"}, true};
  }
  return result;
}

void SessionManager::drop(std::size_t endpoint, const Session& bad) {
  Slot& slot = *slots_[endpoint];
  const std::lock_guard lock(slot.mutex);
  if (slot.session == bad) slot.session.reset();
}

std::optional<wire::HandshakeWelcome> SessionManager::welcome(std::size_t endpoint) const {
  Slot& slot = *slots_[endpoint];
  const std::lock_guard lock(slot.mutex);
  return slot.welcome;
}

}  // namespace mlguard::etcd_client
