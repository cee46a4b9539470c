// PeerChannel: one sealed keep-alive connection to another instance, as the role "peer". It
// connects and shakes hands by itself, and once more when the session has ended over there.
//
// Threads: call() from one thread at a time; stop() from any, at any moment.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/client_session.h"
#include "wire/endpoint.h"
#include "wire/http_connection.h"

namespace mlguard::replicator {

// Who this instance is among its peers.
struct PeerIdentity {
  wire::ClientIdentity keys;
  std::string hello;  // An encoded HandshakeHello.
};

// Whether a request that broke off is sent a second time: it may then arrive twice.
enum class Repeat { allowed, forbidden };

class PeerChannel {
 public:
  struct Reply {
    int status = 0;
    wire::Message message;
  };

  // `identity` must outlive it.
  PeerChannel(const PeerIdentity& identity, const wire::Endpoint& endpoint);

  // Errors: unavailable / "no_connection" (nothing listens there: certainly not done), unavailable
  // / "broken_off" (perhaps done); unauthenticated (another cluster's key).
  base::Result<Reply> call(std::string_view method, const std::string& target,
                           const wire::Message& message, const wire::HttpTimeouts& timeouts,
                           Repeat repeat);
  // Ends what is under way and whatever would follow.
  void stop();

 private:
  base::Result<Reply> call_once(std::string_view method, const std::string& target,
                                const wire::Message& message, const wire::HttpTimeouts& timeouts,
                                Repeat repeat, bool& again);
  base::Status shake_hands(const wire::HttpTimeouts& timeouts);

  const PeerIdentity& identity_;
  const std::string address_;
  std::unique_ptr<wire::HttpConnection> connection_;
  wire::Session session_;
};

}  // namespace mlguard::replicator
