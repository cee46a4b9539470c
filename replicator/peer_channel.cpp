#include "replicator/peer_channel.h"

#include <utility>

#include "wire/api_error.h"
#include "wire/channel.h"

namespace mlguard::replicator {

namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr int kStatusUnauthorized = 401;

Error transport_error(const std::string& address, const wire::HttpOutcome& outcome) {
  const char* reason =
      outcome.delivery == wire::Delivery::not_sent ? "no_connection" : "broken_off";
  return {ErrorCode::unavailable, reason, address + ": " + outcome.problem};
}

}  // namespace

PeerChannel::PeerChannel(const PeerIdentity& identity, const wire::Endpoint& endpoint)
    : identity_(identity),
      address_(endpoint.text()),
      connection_(wire::make_http_connection(endpoint)) {}

void PeerChannel::stop() { connection_->stop(); }

base::Status PeerChannel::shake_hands(const wire::HttpTimeouts& timeouts) {
  wire::HandshakeResult result =
      wire::handshake(identity_.keys, identity_.hello, *connection_, timeouts);
  if (!result.session) {
    Error error = std::move(result.failure.error);
    if (result.failure.try_again) error.reason = "no_connection";
    error.message = address_ + ": " + error.message;
    return error;
  }
  session_ = std::move(result.session);
  return {};
}

Result<PeerChannel::Reply> PeerChannel::call(std::string_view method, const std::string& target,
                                             const wire::Message& message,
                                             const wire::HttpTimeouts& timeouts, Repeat repeat) {
  bool again = false;
  Result<Reply> reply = call_once(method, target, message, timeouts, repeat, again);
  if (!again) return reply;
  session_.reset();
  return call_once(method, target, message, timeouts, repeat, again);
}

Result<PeerChannel::Reply> PeerChannel::call_once(std::string_view method,
                                                  const std::string& target,
                                                  const wire::Message& message,
                                                  const wire::HttpTimeouts& timeouts, Repeat repeat,
                                                  bool& again) {
  if (!session_) {
    if (base::Status made = shake_hands(timeouts); !made) return made.error();
  }
  Result<wire::ClientChannel::Request> sealed = session_->seal(method, target, message);
  if (!sealed) return sealed.error();
  wire::HttpRequest request;
  request.method = method;
  request.target = target;
  request.session = sealed->sealed.session;
  request.seal = sealed->sealed.seal;
  request.original_size = sealed->sealed.original_size;
  request.body = std::move(sealed->sealed.body);
  wire::HttpOutcome outcome = connection_->exchange(std::move(request), timeouts);
  if (outcome.delivery != wire::Delivery::answered) {
    again = outcome.delivery == wire::Delivery::unknown && repeat == Repeat::allowed;
    return transport_error(address_, outcome);
  }
  if (!outcome.answer.sealed) {
    again = outcome.answer.status == kStatusUnauthorized;
    return wire::decode_error(outcome.answer.status, outcome.answer.body);
  }
  wire::Sealed answer;
  answer.body = std::move(outcome.answer.body);
  answer.original_size = outcome.answer.original_size;
  Result<wire::Message> opened = session_->open(sealed->counter, outcome.answer.status, answer);
  if (!opened) {
    again = repeat == Repeat::allowed;
    return opened.error();
  }
  return Reply{outcome.answer.status, std::move(*opened)};
}

}  // namespace mlguard::replicator
