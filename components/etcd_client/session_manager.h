// SessionManager: the sealed session with each endpoint, shared by all threads of a Client. The
// first caller that needs one makes the handshake; the others wait for it and share what comes of
// it, good or bad.
//
// Threads: any; the lock is not held over the handshake itself.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "canceller.h"
#include "wire/client_session.h"
#include "wire/http_connection.h"
#include "wire/messages.h"

namespace mlguard::etcd_client {

using wire::HandshakeFailure;
using wire::HandshakeResult;
using wire::Session;

class SessionManager {
 public:
  // `hello` is the payload of every handshake (an encoded wire::HandshakeHello).
  SessionManager(const wire::ClientIdentity& identity, std::string hello, std::size_t endpoints);

  HandshakeResult get(std::size_t endpoint, wire::HttpConnection& connection,
                      const wire::HttpTimeouts& timeouts, const Canceller& canceller);
  // Forgets `bad`, unless it has been replaced already.
  void drop(std::size_t endpoint, const Session& bad);
  // What the endpoint said in its last handshake.
  std::optional<wire::HandshakeWelcome> welcome(std::size_t endpoint) const;

 private:
  struct Slot {
    std::mutex mutex;
    std::condition_variable finished;
    Session session;                // Guarded by mutex, as all below.
    bool running = false;           // A thread is in its handshake.
    std::uint64_t handshakes = 0;   // Finished ones.
    HandshakeFailure last_failure;  // Of the last one, when `session` is empty.
    std::optional<wire::HandshakeWelcome> welcome;
  };
  HandshakeResult run(Slot& slot, wire::HttpConnection& connection,
                      const wire::HttpTimeouts& timeouts);
  HandshakeResult wait(Slot& slot, std::unique_lock<std::mutex>& lock,
                       const wire::HttpTimeouts& timeouts, const Canceller& canceller);

  const wire::ClientIdentity identity_;
  const std::string hello_;
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace mlguard::etcd_client
