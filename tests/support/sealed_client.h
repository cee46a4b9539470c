// Sealed requests made by hand, over components/wire but not over the product's own client: so
// that tests can send what etcd_client never would (a replay, a moved frame, a flipped bit).
// One thread at a time for each SealedClient; the free functions are stateless.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "support/http.h"
#include "support/tcp.h"
#include "wire/channel.h"
#include "wire/credentials.h"

namespace mlguard::support {

// What a client with this credential brings to the handshake.
wire::ClientIdentity identity_of(const wire::Credential& credential);
// The same for a holder of a join token with a key pair of its own.
wire::ClientIdentity identity_of(const wire::JoinToken& token, const wire::KeyPair& own);

// The bytes of the HTTP request that carries a sealed message.
std::string sealed_http(std::string_view method, std::string_view target,
                        const wire::Sealed& sealed);
// The answer's message; an Error for a plaintext answer (with what the server said).
base::Result<wire::Message> open_reply(const wire::ClientChannel& channel, std::uint64_t counter,
                                       const HttpReply& reply);

// POST /v1/session on a connection. `hello` is HandshakeHello as JSON.
base::Result<wire::ClientChannel> handshake(TcpClient& connection,
                                            const wire::ClientIdentity& identity,
                                            std::string_view hello);

class SealedClient {
 public:
  // Connects and handshakes. `token_id` as in HandshakeHello, empty when enrolled.
  static base::Result<SealedClient> open(std::uint16_t port, const wire::ClientIdentity& identity,
                                         const std::string& token_id = {});

  struct Answer {
    int status = 0;
    bool sealed = false;
    wire::Message message;  // of a plaintext answer: only the body

    std::string reason() const;  // the "error" of an error body; empty otherwise
  };
  // Seals, sends and opens the answer. Error: no answer, or one that does not open.
  base::Result<Answer> call(std::string_view method, std::string_view target,
                            const wire::Message& message = {});
  // Sends exactly this; the answer as it came. Connects anew when the last answer closed.
  HttpReply send(std::string_view bytes, std::int64_t timeout_ms = kHttpTimeoutMs);

  wire::ClientChannel& channel() { return channel_; }

 private:
  SealedClient(std::uint16_t port, TcpClient connection, wire::ClientChannel channel);

  std::uint16_t port_;
  std::optional<TcpClient> connection_;
  wire::ClientChannel channel_;
};

// The "error" field of an error body, by plain search; empty when there is none.
std::string reason_in(std::string_view json);

}  // namespace mlguard::support
