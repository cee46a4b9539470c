#include "wire/noise.h"

#include <sodium.h>

#include <array>
#include <cassert>
#include <utility>

namespace mlguard::wire {

// The words of a message pattern (Noise section 7.1).
enum class HandshakeState::Token : unsigned char { end, e, s, ee, es, se, ss, psk };

struct HandshakeState::Pattern {
  static constexpr std::size_t kTokensMax = 5;
  static constexpr std::size_t kMessages = 2;
  using Message = std::array<Token, kTokensMax>;

  std::string_view protocol_name;
  bool responder_static_is_known = false;
  bool has_psk = false;
  std::array<Message, kMessages> messages{};
};

namespace {

base::Error failed(const char* why) {
  return {base::ErrorCode::unauthenticated, "handshake_failed",
          std::string("the key exchange failed: ") + why};
}

std::string_view view_of(const Hash& hash) { return as_text(hash.data(), hash.size()); }

Key key_of(const Hash& hash) {
  Key key;
  view_of(hash).copy(reinterpret_cast<char*>(key.bytes), kKeyBytes);
  return key;
}

// HKDF of Noise section 4.3: up to three outputs, each keyed by the chaining key and the input.
template <std::size_t outputs>
std::array<Key, outputs> hkdf(const Key& chaining_key, std::string_view input) {
  Hash secret = hmac_sha256(chaining_key.view(), {input});
  std::array<Key, outputs> keys;
  std::string_view previous;
  for (std::size_t i = 0; i < outputs; ++i) {
    const char number = static_cast<char>(i + 1);
    Hash next = hmac_sha256(view_of(secret), {previous, std::string_view(&number, 1)});
    keys[i] = key_of(next);
    previous = keys[i].view();
    sodium_memzero(next.data(), next.size());
  }
  sodium_memzero(secret.data(), secret.size());
  return keys;
}

}  // namespace

// ---- CipherState ---------------------------------------------------------------------------

void CipherState::set_key(const Key& key) {
  key_ = key;
  counter_ = 0;
  has_key_ = true;
}

void CipherState::encrypt(std::string_view associated, std::string_view plain, std::string& out) {
  if (!has_key_) {
    out.append(plain);
    return;
  }
  const std::size_t start = out.size();
  out.resize(start + plain.size() + kTagBytes);
  const Nonce nonce = nonce_of(counter_++);
  const bool sealed = aead_seal(key_, as_text(nonce.data(), nonce.size()), associated, plain,
                                as_bytes(out) + start);
  assert(sealed);
  static_cast<void>(sealed);
}

bool CipherState::decrypt(std::string_view associated, std::string_view sealed, std::string& out) {
  if (!has_key_) {
    out.append(sealed);
    return true;
  }
  if (sealed.size() < kTagBytes) return false;
  const std::size_t start = out.size();
  out.resize(start + sealed.size() - kTagBytes);
  const Nonce nonce = nonce_of(counter_);
  if (!aead_open(key_, as_text(nonce.data(), nonce.size()), associated, sealed,
                 as_bytes(out) + start)) {
    return false;
  }
  ++counter_;
  return true;
}

// ---- SymmetricState ------------------------------------------------------------------------

SymmetricState::SymmetricState(std::string_view protocol_name) {
  if (protocol_name.size() <= kHashBytes) {
    protocol_name.copy(reinterpret_cast<char*>(hash_.data()), kHashBytes);
  } else {
    hash_ = sha256({protocol_name});
  }
  chaining_key_ = key_of(hash_);
}

void SymmetricState::mix_hash(std::string_view text) { hash_ = sha256({view_of(hash_), text}); }

void SymmetricState::mix_key(const Key& input) {
  const auto keys = hkdf<2>(chaining_key_, input.view());
  chaining_key_ = keys[0];
  cipher_.set_key(keys[1]);
}

void SymmetricState::mix_key_and_hash(const Key& input) {
  const auto keys = hkdf<3>(chaining_key_, input.view());
  chaining_key_ = keys[0];
  mix_hash(keys[1].view());
  cipher_.set_key(keys[2]);
}

void SymmetricState::encrypt_and_hash(std::string_view plain, std::string& out) {
  const std::size_t start = out.size();
  cipher_.encrypt(view_of(hash_), plain, out);
  mix_hash(std::string_view(out).substr(start));
}

bool SymmetricState::decrypt_and_hash(std::string_view sealed, std::string& out) {
  if (!cipher_.decrypt(view_of(hash_), sealed, out)) return false;
  mix_hash(sealed);
  return true;
}

SymmetricState::TransportKeys SymmetricState::split() const {
  const auto keys = hkdf<2>(chaining_key_, {});
  return {keys[0], keys[1]};
}

// ---- HandshakeState ------------------------------------------------------------------------

const HandshakeState::Pattern& HandshakeState::pattern_of(NoisePattern pattern) {
  static constexpr Pattern kNn = {
      "Noise_NN_25519_ChaChaPoly_SHA256", false, false, {{{Token::e}, {Token::e, Token::ee}}}};
  static constexpr Pattern kIk = {
      "Noise_IK_25519_ChaChaPoly_SHA256",
      true,
      false,
      {{{Token::e, Token::es, Token::s, Token::ss}, {Token::e, Token::ee, Token::se}}}};
  static constexpr Pattern kIkPsk2 = {
      "Noise_IKpsk2_25519_ChaChaPoly_SHA256",
      true,
      true,
      {{{Token::e, Token::es, Token::s, Token::ss}, {Token::e, Token::ee, Token::se, Token::psk}}}};
  if (pattern == NoisePattern::nn) return kNn;
  return pattern == NoisePattern::ik ? kIk : kIkPsk2;
}

HandshakeState::HandshakeState(const HandshakeSetup& setup)
    : pattern_(pattern_of(setup.pattern)),
      side_(setup.side),
      symmetric_(pattern_.protocol_name),
      static_(setup.own_static),
      ephemeral_(setup.ephemeral),
      remote_static_(setup.remote_static),
      psk_(setup.psk) {
  ensure_crypto_ready();
  symmetric_.mix_hash(setup.prologue);
  if (!pattern_.responder_static_is_known) return;
  assert(static_.has_value());
  assert(side_ == NoiseSide::responder || remote_static_.has_value());
  symmetric_.mix_hash(side_ == NoiseSide::initiator ? remote_static_->view()
                                                    : static_->public_key.view());
}

bool HandshakeState::finished() const { return messages_done_ == Pattern::kMessages; }

base::Result<std::string> HandshakeState::write_message(std::string_view payload) {
  assert((messages_done_ % 2 == 0) == (side_ == NoiseSide::initiator) || finished());
  if (failed_ || finished()) return failed("it is over");
  std::string message;
  for (const Token token : pattern_.messages[messages_done_]) {
    if (token == Token::end) break;
    if (!write_token(token, message)) {
      failed_ = true;
      return failed("the other side's key is not usable");
    }
  }
  symmetric_.encrypt_and_hash(payload, message);
  ++messages_done_;
  return message;
}

base::Result<std::string> HandshakeState::read_message(std::string_view message) {
  assert((messages_done_ % 2 == 0) == (side_ == NoiseSide::responder) || finished());
  if (failed_ || finished()) return failed("it is over");
  for (const Token token : pattern_.messages[messages_done_]) {
    if (token == Token::end) break;
    if (!read_token(token, message)) {
      failed_ = true;
      return failed("a message is damaged, or made for another key");
    }
  }
  std::string payload;
  if (!symmetric_.decrypt_and_hash(message, payload)) {
    failed_ = true;
    return failed("a message is damaged, or made with another key or token");
  }
  ++messages_done_;
  return payload;
}

void HandshakeState::mix_ephemeral(const Key& ephemeral) {
  symmetric_.mix_hash(ephemeral.view());
  // With a psk the ephemeral key randomises the encryption as well (Noise section 9.2).
  if (pattern_.has_psk) symmetric_.mix_key(ephemeral);
}

bool HandshakeState::write_token(Token token, std::string& out) {
  if (token == Token::e) {
    if (!ephemeral_) ephemeral_ = KeyPair::generate();
    out.append(ephemeral_->public_key.view());
    mix_ephemeral(ephemeral_->public_key);
    return true;
  }
  if (token == Token::s) {
    symmetric_.encrypt_and_hash(static_->public_key.view(), out);
    return true;
  }
  return mix_secret(token);
}

bool HandshakeState::read_token(Token token, std::string_view& rest) {
  if (token == Token::e) {
    if (rest.size() < kKeyBytes) return false;
    remote_ephemeral_ = *Key::from_bytes(rest.substr(0, kKeyBytes));
    rest.remove_prefix(kKeyBytes);
    mix_ephemeral(*remote_ephemeral_);
    return true;
  }
  if (token == Token::s) {
    const std::size_t length = kKeyBytes + (symmetric_.has_key() ? kTagBytes : 0);
    std::string key;
    if (rest.size() < length || !symmetric_.decrypt_and_hash(rest.substr(0, length), key)) {
      return false;
    }
    rest.remove_prefix(length);
    remote_static_ = *Key::from_bytes(key);
    return true;
  }
  return mix_secret(token);
}

bool HandshakeState::mix_secret(Token token) {
  const bool initiator = side_ == NoiseSide::initiator;
  switch (token) {
    case Token::ee: return mix_dh(ephemeral_, remote_ephemeral_);
    case Token::ss: return mix_dh(static_, remote_static_);
    case Token::es:
      return initiator ? mix_dh(ephemeral_, remote_static_) : mix_dh(static_, remote_ephemeral_);
    case Token::se:
      return initiator ? mix_dh(static_, remote_ephemeral_) : mix_dh(ephemeral_, remote_static_);
    case Token::psk:
      if (!psk_) return false;
      symmetric_.mix_key_and_hash(*psk_);
      return true;
    default: return false;
  }
}

bool HandshakeState::mix_dh(const std::optional<KeyPair>& own, const std::optional<Key>& other) {
  Key shared;
  if (!own || !other || !diffie_hellman(own->secret, *other, shared)) return false;
  symmetric_.mix_key(shared);
  return true;
}

}  // namespace mlguard::wire
