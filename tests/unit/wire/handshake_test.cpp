#include <gtest/gtest.h>

#include "session.h"
#include "wire/channel.h"

namespace mlguard::wire {
namespace {

struct Sides {
  KeyPair cluster = KeyPair::generate();
  KeyPair own = KeyPair::generate();
  Key psk = KeyPair::generate().secret;

  ClientIdentity identity() const { return {cluster.public_key, own, psk}; }
};

TEST(HandshakeTest, BothSidesLearnWhatTheOtherSaysAndTheSameSession) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "token 1");
  ASSERT_TRUE(client.ok());
  auto server = ServerHandshake::read(sides.cluster, client->message1());
  ASSERT_TRUE(server.ok());
  EXPECT_EQ(server->payload(), "token 1");
  EXPECT_TRUE(server->client_public_key() == sides.own.public_key);
  auto welcomed = server->finish(sides.psk, "be welcome");
  ASSERT_TRUE(welcomed.ok());
  auto finished = client->finish(welcomed->message2);
  ASSERT_TRUE(finished.ok());
  EXPECT_EQ(finished->payload, "be welcome");
  EXPECT_EQ(finished->channel.session_id(), welcomed->channel.session_id());
  EXPECT_EQ(finished->channel.session_id().size(), 2 * kSessionIdBytes);
}

TEST(HandshakeTest, TwoHandshakesNeverShareASessionOrABytePrefix) {
  const Sides sides;
  auto first = ClientHandshake::start(sides.identity(), "x");
  auto second = ClientHandshake::start(sides.identity(), "x");
  EXPECT_NE(first->message1().substr(0, kKeyBytes), second->message1().substr(0, kKeyBytes));
  EXPECT_NE(testing::make_session().client.session_id(),
            testing::make_session().client.session_id());
}

TEST(HandshakeTest, NeitherMessageShowsPayloadOrIdentity) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "a-secret-token-id");
  EXPECT_EQ(client->message1().find("a-secret-token-id"), std::string::npos);
  EXPECT_EQ(client->message1().find(sides.own.public_key.view()), std::string::npos);
  auto server = ServerHandshake::read(sides.cluster, client->message1());
  auto welcomed = server->finish(sides.psk, "a-secret-welcome");
  EXPECT_EQ(welcomed->message2.find("a-secret-welcome"), std::string::npos);
}

TEST(HandshakeTest, AnotherClustersKeyCannotReadMessageOne) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "x");
  const auto server = ServerHandshake::read(KeyPair::generate(), client->message1());
  ASSERT_FALSE(server.ok());
  EXPECT_EQ(server.error().code, base::ErrorCode::unauthenticated);
  EXPECT_EQ(server.error().reason, "handshake_failed");
}

TEST(HandshakeTest, AWrongPskIsNoticedByTheClient) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "x");
  auto server = ServerHandshake::read(sides.cluster, client->message1());
  auto welcomed = server->finish(Key(), "welcome");
  ASSERT_TRUE(welcomed.ok());
  const auto finished = client->finish(welcomed->message2);
  ASSERT_FALSE(finished.ok());
  EXPECT_EQ(finished.error().reason, "handshake_failed");
}

TEST(HandshakeTest, EveryFlippedBitOfEitherMessageIsRefused) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "payload");
  const std::string message1 = client->message1();
  for (std::size_t bit = 0; bit < message1.size() * 8; ++bit) {
    std::string damaged = message1;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    // The highest bit of an X25519 public key carries nothing, but Noise hashes it all the same.
    EXPECT_FALSE(ServerHandshake::read(sides.cluster, damaged).ok()) << "bit " << bit;
  }
  for (std::size_t bit = 0;; ++bit) {
    auto again = ClientHandshake::start(sides.identity(), "payload");
    auto server = ServerHandshake::read(sides.cluster, again->message1());
    std::string message2 = server->finish(sides.psk, "w")->message2;
    if (bit == message2.size() * 8) break;
    message2[bit / 8] = static_cast<char>(message2[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(again->finish(message2).ok()) << "bit " << bit;
  }
}

TEST(HandshakeTest, MessagesCutAnywhereOrWithMoreBehindAreRefused) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "payload");
  const std::string message1 = client->message1();
  for (std::size_t length = 0; length < message1.size(); ++length) {
    EXPECT_FALSE(ServerHandshake::read(sides.cluster, message1.substr(0, length)).ok());
  }
  EXPECT_FALSE(ServerHandshake::read(sides.cluster, message1 + "x").ok());
}

TEST(HandshakeTest, MessagesOverTheLimitAreTooLarge) {
  const Sides sides;
  const std::string huge(kHandshakeBytesMax + 1, 'x');
  EXPECT_EQ(ServerHandshake::read(sides.cluster, huge).error().code, base::ErrorCode::too_large);
  EXPECT_EQ(ClientHandshake::start(sides.identity(), huge).error().code,
            base::ErrorCode::too_large);
  auto client = ClientHandshake::start(sides.identity(), "x");
  EXPECT_EQ(client->finish(huge).error().code, base::ErrorCode::too_large);
}

TEST(HandshakeTest, AHandshakeIsFinishedOnce) {
  const Sides sides;
  auto client = ClientHandshake::start(sides.identity(), "x");
  auto server = ServerHandshake::read(sides.cluster, client->message1());
  const std::string message2 = server->finish(sides.psk, "w")->message2;
  EXPECT_EQ(server->finish(sides.psk, "w").error().reason, "handshake_failed");
  EXPECT_TRUE(client->finish(message2).ok());
  EXPECT_EQ(client->finish(message2).error().reason, "handshake_failed");
}

TEST(HandshakeTest, AClientKeyOfLowOrderIsRefused) {
  const Sides sides;
  // Message 1 begins with the ephemeral public key: all zero is a point of low order.
  const std::string message1 = std::string(kKeyBytes, '\0') + std::string(200, 'x');
  EXPECT_EQ(ServerHandshake::read(sides.cluster, message1).error().reason, "handshake_failed");
  ClientIdentity identity = sides.identity();
  identity.cluster_public_key = Key();
  EXPECT_EQ(ClientHandshake::start(identity, "x").error().reason, "handshake_failed");
}

}  // namespace
}  // namespace mlguard::wire
