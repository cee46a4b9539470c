// A finished handshake for tests: both channels of one session.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "wire/channel.h"

namespace mlguard::wire::testing {

struct Session {
  ClientChannel client;
  ServerChannel server;
};

inline Session make_session() {
  const KeyPair cluster = KeyPair::generate();
  ClientIdentity identity;
  identity.cluster_public_key = cluster.public_key;
  identity.own = KeyPair::generate();
  auto client = ClientHandshake::start(identity, "hello");
  auto server = ServerHandshake::read(cluster, client->message1());
  auto welcomed = server->finish(Key(), "welcome");
  auto finished = client->finish(welcomed->message2);
  EXPECT_TRUE(finished.ok());
  return {std::move(finished->channel), std::move(welcomed->channel)};
}

}  // namespace mlguard::wire::testing
