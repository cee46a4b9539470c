// The published transcripts of Noise NN, IK and IKpsk2 (cacophony and snow), both sides: every
// handshake message, the handshake hash, and every transport message.
#include <gtest/gtest.h>

#include "vectors.h"
#include "wire/noise.h"

namespace mlguard::wire {
namespace {

using testing::unhex;

Key key_from(const nlohmann::json& hex) { return *Key::from_hex(hex.get<std::string>()); }

std::optional<KeyPair> pair_from(const nlohmann::json& vector, const std::string& name) {
  if (!vector.contains(name)) return std::nullopt;
  return KeyPair::from_secret(key_from(vector[name]));
}

std::optional<NoisePattern> pattern_of(const std::string& protocol) {
  if (protocol == "Noise_NN_25519_ChaChaPoly_SHA256") return NoisePattern::nn;
  if (protocol == "Noise_IK_25519_ChaChaPoly_SHA256") return NoisePattern::ik;
  if (protocol == "Noise_IKpsk2_25519_ChaChaPoly_SHA256") return NoisePattern::ikpsk2;
  return std::nullopt;
}

HandshakeSetup setup_from(const nlohmann::json& vector, const std::string& side,
                          const std::string& prologue) {
  HandshakeSetup setup;
  setup.pattern = *pattern_of(vector["protocol_name"]);
  setup.side = side == "init" ? NoiseSide::initiator : NoiseSide::responder;
  setup.prologue = prologue;
  setup.own_static = pair_from(vector, side + "_static");
  setup.ephemeral = pair_from(vector, side + "_ephemeral");
  if (vector.contains(side + "_remote_static")) {
    setup.remote_static = key_from(vector[side + "_remote_static"]);
  }
  if (vector.contains(side + "_psks") && !vector[side + "_psks"].empty()) {
    setup.psk = key_from(vector[side + "_psks"][0]);
  }
  return setup;
}

void check_transport(const nlohmann::json& messages, const HandshakeState& initiator,
                     const HandshakeState& responder) {
  const auto keys = initiator.split();
  ASSERT_TRUE(keys.initiator_to_responder == responder.split().initiator_to_responder);
  ASSERT_TRUE(keys.responder_to_initiator == responder.split().responder_to_initiator);
  CipherState to_responder;
  CipherState to_initiator;
  to_responder.set_key(keys.initiator_to_responder);
  to_initiator.set_key(keys.responder_to_initiator);
  for (std::size_t i = 2; i < messages.size(); ++i) {
    CipherState sender = i % 2 == 0 ? to_responder : to_initiator;
    CipherState& counted = i % 2 == 0 ? to_responder : to_initiator;
    std::string sealed;
    sender.encrypt({}, unhex(messages[i]["payload"]), sealed);
    EXPECT_EQ(base::to_hex(sealed), messages[i]["ciphertext"]) << "transport message " << i;
    std::string opened;
    ASSERT_TRUE(counted.decrypt({}, sealed, opened));
    EXPECT_EQ(base::to_hex(opened), messages[i]["payload"]);
  }
}

void check_transcript(const nlohmann::json& vector) {
  const std::string init_prologue = unhex(vector["init_prologue"]);
  const std::string resp_prologue = unhex(vector["resp_prologue"]);
  HandshakeState initiator(setup_from(vector, "init", init_prologue));
  HandshakeState responder(setup_from(vector, "resp", resp_prologue));
  const nlohmann::json& messages = vector["messages"];
  for (std::size_t i = 0; i < 2; ++i) {
    HandshakeState& sender = i == 0 ? initiator : responder;
    HandshakeState& receiver = i == 0 ? responder : initiator;
    const auto written = sender.write_message(unhex(messages[i]["payload"]));
    ASSERT_TRUE(written.ok());
    ASSERT_EQ(base::to_hex(*written), messages[i]["ciphertext"]) << "handshake message " << i;
    const auto read = receiver.read_message(*written);
    ASSERT_TRUE(read.ok());
    EXPECT_EQ(base::to_hex(*read), messages[i]["payload"]);
  }
  ASSERT_TRUE(initiator.finished() && responder.finished());
  EXPECT_EQ(initiator.handshake_hash(), responder.handshake_hash());
  if (vector.contains("handshake_hash")) {
    const Hash& hash = initiator.handshake_hash();
    EXPECT_EQ(base::to_hex(as_text(hash.data(), hash.size())), vector["handshake_hash"]);
  }
  check_transport(messages, initiator, responder);
}

TEST(NoiseVectorsTest, EveryPublishedTranscriptIsReproducedByteForByte) {
  MLGUARD_LOAD_VECTORS(vectors, "noise_ikpsk2.json");
  std::size_t checked = 0;
  for (const nlohmann::json& vector : vectors["vectors"]) {
    SCOPED_TRACE(vector["protocol_name"].get<std::string>() + " of " +
                 vector["source"].get<std::string>());
    ASSERT_TRUE(pattern_of(vector["protocol_name"]).has_value()) << "a pattern that we do not run";
    check_transcript(vector);
    ++checked;
  }
  EXPECT_EQ(checked, 5u);
}

TEST(NoiseVectorsTest, AHandshakeWithADifferentPrologueFails) {
  HandshakeSetup setup;
  setup.pattern = NoisePattern::ik;
  const KeyPair responder_keys = KeyPair::generate();
  setup.own_static = KeyPair::generate();
  setup.remote_static = responder_keys.public_key;
  setup.prologue = "one";
  HandshakeState initiator(setup);
  HandshakeSetup other;
  other.pattern = NoisePattern::ik;
  other.side = NoiseSide::responder;
  other.own_static = responder_keys;
  other.prologue = "two";
  HandshakeState responder(other);
  const auto message = initiator.write_message("hello");
  ASSERT_TRUE(message.ok());
  const auto read = responder.read_message(*message);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().reason, "handshake_failed");
  EXPECT_FALSE(responder.read_message(*message).ok()) << "a failed handshake stays failed";
}

}  // namespace
}  // namespace mlguard::wire
