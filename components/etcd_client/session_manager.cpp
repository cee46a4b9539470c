#include "session_manager.h"

#include <utility>

#include "wire/api_error.h"

namespace mlguard::etcd_client {

namespace {

constexpr milliseconds kCancelCheck{20};  // How often a waiting caller looks at its Canceller.

HandshakeResult failed(base::Error error, bool try_again) {
  HandshakeResult result;
  result.failure = {std::move(error), try_again};
  return result;
}

// A refusal that another try cannot change: the key or the token is not accepted.
bool is_final(const base::Error& error) {
  return error.code == base::ErrorCode::unauthenticated ||
         error.code == base::ErrorCode::permission_denied ||
         error.code == base::ErrorCode::invalid_argument;
}

}  // namespace

HandshakeResult handshake(const wire::ClientIdentity& identity, const std::string& hello,
                          HttpConnection& connection, const HttpTimeouts& timeouts) {
  auto started = wire::ClientHandshake::start(identity, hello);
  if (!started.ok()) return failed(started.error(), false);
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/session";
  request.body = started->message1();
  const HttpOutcome outcome = connection.exchange(std::move(request), timeouts);
  if (outcome.delivery != Delivery::answered) {
    return failed({base::ErrorCode::unavailable, outcome.problem}, true);
  }
  if (outcome.answer.status != 200) {
    base::Error error = wire::decode_error(outcome.answer.status, outcome.answer.body);
    const bool final = is_final(error);
    return failed(std::move(error), !final);
  }
  auto finished = started->finish(outcome.answer.body);
  if (!finished.ok()) return failed(finished.error(), false);
  auto welcome = wire::decode_welcome(finished->payload);
  if (!welcome.ok()) return failed(welcome.error(), true);
  HandshakeResult result;
  result.session = std::make_shared<wire::ClientChannel>(std::move(finished->channel));
  result.welcome = std::move(*welcome);
  return result;
}

SessionManager::SessionManager(const wire::ClientIdentity& identity, std::string hello,
                               std::size_t endpoints)
    : identity_(identity), hello_(std::move(hello)) {
  for (std::size_t i = 0; i < endpoints; ++i) slots_.push_back(std::make_unique<Slot>());
}

HandshakeResult SessionManager::get(std::size_t endpoint, HttpConnection& connection,
                                    const HttpTimeouts& timeouts, const Canceller& canceller) {
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

HandshakeResult SessionManager::run(Slot& slot, HttpConnection& connection,
                                    const HttpTimeouts& timeouts) {
  HandshakeResult result = handshake(identity_, hello_, connection, timeouts);
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
                                     const HttpTimeouts& timeouts, const Canceller& canceller) {
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
