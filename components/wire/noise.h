// The Noise protocol framework (noiseprotocol.org, revision 34) with 25519, ChaChaPoly and SHA256,
// for the patterns NN, IK and IKpsk2: NN and IK are here because published transcripts of them
// check the same interpreter that runs IKpsk2. Internal to wire/; channel.h is the front door.
//
// Threads: a HandshakeState belongs to one thread at a time. Keys are wiped when it is destroyed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/channel.h"
#include "wire/primitives.h"

namespace mlguard::wire {

enum class NoisePattern { nn, ik, ikpsk2 };
enum class NoiseSide { initiator, responder };

// Noise section 5.1: a key and a counting nonce.
class CipherState {
 public:
  void set_key(const Key& key);
  bool has_key() const { return has_key_; }
  // Appends to `out`. Without a key the text passes as it is.
  void encrypt(std::string_view associated, std::string_view plain, std::string& out);
  [[nodiscard]] bool decrypt(std::string_view associated, std::string_view sealed,
                             std::string& out);

 private:
  Key key_;
  std::uint64_t counter_ = 0;
  bool has_key_ = false;
};

// Noise section 5.2: the chaining key and the hash of all that was said.
class SymmetricState {
 public:
  explicit SymmetricState(std::string_view protocol_name);

  void mix_hash(std::string_view text);
  void mix_key(const Key& input);
  void mix_key_and_hash(const Key& input);
  void encrypt_and_hash(std::string_view plain, std::string& out);
  [[nodiscard]] bool decrypt_and_hash(std::string_view sealed, std::string& out);
  bool has_key() const { return cipher_.has_key(); }
  const Hash& hash() const { return hash_; }

  struct TransportKeys {
    Key initiator_to_responder;
    Key responder_to_initiator;
  };
  TransportKeys split() const;

 private:
  Key chaining_key_;
  Hash hash_{};
  CipherState cipher_;
};

struct HandshakeSetup {
  NoisePattern pattern = NoisePattern::ikpsk2;
  NoiseSide side = NoiseSide::initiator;
  std::string_view prologue;
  std::optional<KeyPair> own_static;  // IK, IKpsk2
  std::optional<Key> remote_static;   // IK, IKpsk2: the initiator knows it beforehand
  std::optional<Key> psk;             // IKpsk2; the responder may give it later, by set_psk()
  std::optional<KeyPair> ephemeral;   // As published transcripts fix it; absent: a random one
};

// Noise section 5.3. Every error is unauthenticated / "handshake_failed" and final.
class HandshakeState {
 public:
  // REQUIRES: the keys that the pattern needs of this side.
  explicit HandshakeState(const HandshakeSetup& setup);

  // REQUIRES: it is this side's turn.
  base::Result<std::string> write_message(std::string_view payload);
  // Returns the payload. REQUIRES: it is the other side's turn.
  base::Result<std::string> read_message(std::string_view message);

  void set_psk(const Key& psk) { psk_ = psk; }
  bool finished() const;
  // REQUIRES: the other side's static key is known by now.
  const Key& remote_static() const { return *remote_static_; }
  // REQUIRES: finished().
  SymmetricState::TransportKeys split() const { return symmetric_.split(); }
  const Hash& handshake_hash() const { return symmetric_.hash(); }

 private:
  enum class Token : unsigned char;
  struct Pattern;
  static const Pattern& pattern_of(NoisePattern pattern);

  bool write_token(Token token, std::string& out);
  bool read_token(Token token, std::string_view& rest);
  bool mix_secret(Token token);
  bool mix_dh(const std::optional<KeyPair>& own, const std::optional<Key>& other);
  void mix_ephemeral(const Key& ephemeral);

  const Pattern& pattern_;
  NoiseSide side_;
  SymmetricState symmetric_;
  std::optional<KeyPair> static_;
  std::optional<KeyPair> ephemeral_;
  std::optional<Key> remote_static_;
  std::optional<Key> remote_ephemeral_;
  std::optional<Key> psk_;
  std::size_t messages_done_ = 0;
  bool failed_ = false;
};

}  // namespace mlguard::wire
