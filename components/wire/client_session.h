// The client's handshake over an HTTP connection: POST /v1/session. Used by etcd_client and by
// servers among themselves. Stateless; blocks for one exchange.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "wire/channel.h"
#include "wire/http_connection.h"
#include "wire/messages.h"

namespace mlguard::wire {

// Shared: calls under way keep a session that another thread has replaced already.
using Session = std::shared_ptr<ClientChannel>;

// Why there is no session.
struct HandshakeFailure {
  base::Error error;
  bool try_again = true;                   // false: this endpoint has refused the credential.
  Delivery delivery = Delivery::answered;  // not_sent: there was no connection.
};

struct HandshakeResult {
  Session session;  // nullptr: see `failure`.
  HandshakeWelcome welcome;
  HandshakeFailure failure;
};

// `hello` is an encoded HandshakeHello.
HandshakeResult handshake(const ClientIdentity& identity, const std::string& hello,
                          HttpConnection& connection, const HttpTimeouts& timeouts);

}  // namespace mlguard::wire
