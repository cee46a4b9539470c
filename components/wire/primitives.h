// The cryptographic primitives that wire/ stands on, each a thin layer over libsodium. Internal to
// wire/ and pipeline/: others use channel.h and credentials.h. Stateless; safe from any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/result.h"
#include "wire/channel.h"

namespace mlguard::wire {

inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kLongNonceBytes = 24;
inline constexpr std::size_t kHashBytes = 32;

using Hash = std::array<unsigned char, kHashBytes>;
using Nonce = std::array<unsigned char, kNonceBytes>;

inline const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* as_bytes(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}
inline std::string_view as_text(const unsigned char* bytes, std::size_t count) {
  return {reinterpret_cast<const char*>(bytes), count};
}

// libsodium picks its implementations and seeds itself once; every entry point of wire/ that makes
// or uses keys calls this first. The process cannot go on without it and ends with one line.
void ensure_crypto_ready();

// X25519. False when the shared secret is all zero, that is, when the other key is one of the few
// points of low order: such a "secret" is known to everybody (RFC 7748 section 6.1).
[[nodiscard]] bool diffie_hellman(const Key& secret, const Key& public_key, Key& shared);

Hash sha256(std::initializer_list<std::string_view> parts);
Hash hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts);
// BLAKE2b of 32 bytes; `key` may be empty.
Hash blake2b(std::string_view key, std::string_view text);

// The nonce of a counter: four zero bytes, then 64 bits little endian (Noise revision 34, 12.3).
Nonce nonce_of(std::uint64_t counter);

// ChaCha20-Poly1305 (RFC 8439). `out` has room for plain.size() + kTagBytes bytes and may begin
// where `plain` begins. False when the nonce is not 12 bytes long.
[[nodiscard]] bool aead_seal(const Key& key, std::string_view nonce, std::string_view associated,
                             std::string_view plain, unsigned char* out);
// `out` has room for sealed.size() - kTagBytes bytes. False when the nonce is not 12 bytes long,
// `sealed` is shorter than a tag, or the tag is wrong; then `out` holds no plaintext.
[[nodiscard]] bool aead_open(const Key& key, std::string_view nonce, std::string_view associated,
                             std::string_view sealed, unsigned char* out);

// XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): the same with nonces of 24 bytes, long enough to
// be drawn at random. REQUIRES: the nonce has 24 bytes.
void long_aead_seal(const Key& key, std::string_view nonce, std::string_view associated,
                    std::string_view plain, unsigned char* out);
// As aead_open.
[[nodiscard]] bool long_aead_open(const Key& key, std::string_view nonce,
                                  std::string_view associated, std::string_view sealed,
                                  unsigned char* out);

// base64url without padding, as it stands in X-Seal and in join tokens. Decoding accepts exactly
// one text for each value. Error: invalid_argument / "invalid_base64".
std::string to_base64url(std::string_view bytes);
base::Result<std::string> from_base64url(std::string_view text);

}  // namespace mlguard::wire
