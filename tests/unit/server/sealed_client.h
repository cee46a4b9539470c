// A sealed client on a raw socket, for tests of the server in one process: handshakes, seals,
// opens, and lets a test damage, repeat or move what it sends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/unit/server/raw_client.h"
#include "wire/channel.h"
#include "wire/credentials.h"

namespace mlguard::server::test {

struct Answer {
  int status = 0;
  bool sealed = false;
  bool compressed = false;
  wire::Message message;
};

class SealedClient {
 public:
  // Error: what the server said to the handshake, or what the handshake itself found wrong.
  static base::Result<SealedClient> connect(std::uint16_t port,
                                            const wire::ClientIdentity& identity,
                                            const std::string& token_id = {},
                                            const std::string& name = {});

  Answer call(const std::string& method, const std::string& target, const std::string& body = {},
              const std::vector<wire::Field>& fields = {});
  wire::ClientChannel::Request seal(const std::string& method, const std::string& target,
                                    const std::string& body = {},
                                    const std::vector<wire::Field>& fields = {});
  // Sends without waiting, for long polls; then receive().
  void send(const std::string& method, const std::string& target, const wire::Sealed& sealed);
  Answer receive(std::uint64_t counter,
                 std::chrono::milliseconds timeout = std::chrono::seconds(20));
  const std::string& session() const { return channel_.session_id(); }
  RawClient& raw() { return raw_; }

 private:
  SealedClient(RawClient raw, wire::ClientChannel channel)
      : raw_(std::move(raw)), channel_(std::move(channel)) {}

  RawClient raw_;
  wire::ClientChannel channel_;
};

// The cluster's own operator, by the key that the server derives.
wire::ClientIdentity operator_identity(const wire::ClusterKey& cluster);

}  // namespace mlguard::server::test
