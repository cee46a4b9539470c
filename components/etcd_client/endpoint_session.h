// EndpointSession: the sealed session with one endpoint, shared by all threads of a Client. The
// first caller that needs it makes the handshake; the others wait for it and share what comes of
// it, good or bad.
//
// Threads: any; the lock is not held over the handshake itself.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/result.h"
#include "canceller.h"
#include "wire/client_session.h"
#include "wire/http_connection.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

using wire::HandshakeFailure;
using wire::HandshakeResult;
using wire::Session;

// How a Client introduces itself, everywhere the same.
struct Introduction {
  wire::ClientIdentity identity;
  std::string hello;  // the payload of every handshake (an encoded wire::HandshakeHello)
};

class EndpointSession {
 public:
  // `introduction` must outlive it.
  explicit EndpointSession(const Introduction& introduction) : introduction_(introduction) {}

  struct Grant {
    HandshakeResult made;
    bool is_new = false;  // This very call made the handshake: `made.welcome` is news.
  };
  Grant get(wire::HttpConnection& connection, const wire::HttpTimeouts& timeouts,
            const Canceller& canceller);
  // Forgets `bad`, unless it has been replaced already.
  void drop(const Session& bad);
  // Forgets the present one, so that the next call shakes hands anew.
  void renew();
  // What the endpoint said in its last handshake.
  std::optional<wire::HandshakeWelcome> welcome() const;

 private:
  HandshakeResult run(wire::HttpConnection& connection, const wire::HttpTimeouts& timeouts);
  HandshakeResult wait(std::unique_lock<std::mutex>& lock, const wire::HttpTimeouts& timeouts,
                       const Canceller& canceller);

  const Introduction& introduction_;
  mutable std::mutex mutex_;  // Guards all below.
  std::condition_variable finished_;
  Session session_;
  bool running_ = false;           // A thread is in its handshake.
  std::uint64_t handshakes_ = 0;   // Finished ones.
  HandshakeFailure last_failure_;  // Of the last one, when `session_` is empty.
  std::optional<wire::HandshakeWelcome> welcome_;
};

}  // namespace mlguard::etcd_client
