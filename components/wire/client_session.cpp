#include "wire/client_session.h"

#include <utility>

#include "wire/api_error.h"

namespace mlguard::wire {

namespace {

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

HandshakeResult handshake(const ClientIdentity& identity, const std::string& hello,
                          HttpConnection& connection, const HttpTimeouts& timeouts) {
  auto started = ClientHandshake::start(identity, hello);
  if (!started.ok()) return failed(started.error(), false);
  HttpRequest request;
  request.method = "POST";
  request.target = "/v1/session";
  request.body = started->message1();
  const HttpOutcome outcome = connection.exchange(std::move(request), timeouts);
  if (outcome.delivery != Delivery::answered) {
    HandshakeResult unanswered = failed({base::ErrorCode::unavailable, outcome.problem}, true);
    unanswered.failure.delivery = outcome.delivery;
    return unanswered;
  }
  if (outcome.answer.status != 200) {
    base::Error error = decode_error(outcome.answer.status, outcome.answer.body);
    const bool final = is_final(error);
    return failed(std::move(error), !final);
  }
  auto finished = started->finish(outcome.answer.body);
  if (!finished.ok()) return failed(finished.error(), false);
  auto welcome = decode_welcome(finished->payload);
  if (!welcome.ok()) return failed(welcome.error(), true);
  HandshakeResult result;
  result.session = std::make_shared<ClientChannel>(std::move(finished->channel));
  result.welcome = std::move(*welcome);
  return result;
}

}  // namespace mlguard::wire
