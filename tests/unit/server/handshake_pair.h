// A finished handshake without a network: both channels of one session. For tests.
#pragma once

#include "wire/channel.h"

namespace mlguard::server::test {

struct Channels {
  wire::ClientChannel client;
  wire::ServerChannel server;
};

inline Channels make_channels() {
  const wire::KeyPair cluster = wire::KeyPair::generate();
  const wire::ClientIdentity identity{cluster.public_key, wire::KeyPair::generate(), {}};
  auto client = wire::ClientHandshake::start(identity, "{}").value();
  auto server = wire::ServerHandshake::read(cluster, client.message1()).value();
  auto finished = server.finish({}, "{}").value();
  auto joined = client.finish(finished.message2).value();
  return {std::move(joined.channel), std::move(finished.channel)};
}

}  // namespace mlguard::server::test
