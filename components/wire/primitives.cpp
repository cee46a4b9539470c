#include "wire/primitives.h"

#include <sodium.h>

#include <algorithm>
#include <cassert>
#include <cstdio>
#include <cstdlib>

#include "base/ids.h"

namespace mlguard::wire {

static_assert(kKeyBytes == crypto_scalarmult_BYTES);
static_assert(kKeyBytes == crypto_aead_chacha20poly1305_ietf_KEYBYTES);
static_assert(kTagBytes == crypto_aead_chacha20poly1305_ietf_ABYTES);
static_assert(kNonceBytes == crypto_aead_chacha20poly1305_ietf_NPUBBYTES);
static_assert(kLongNonceBytes == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
static_assert(kHashBytes == crypto_hash_sha256_BYTES);
static_assert(kHashBytes == crypto_auth_hmacsha256_BYTES);

void ensure_crypto_ready() {
  // sodium_init answers 1 when somebody else (base/, another library) came first.
  static const int ready = sodium_init();
  if (ready < 0) {
    std::fputs("libsodium could not start: the system has no source of randomness\n", stderr);
    std::abort();
  }
}

bool diffie_hellman(const Key& secret, const Key& public_key, Key& shared) {
  return crypto_scalarmult(shared.bytes, secret.bytes, public_key.bytes) == 0;
}

Hash sha256(std::initializer_list<std::string_view> parts) {
  crypto_hash_sha256_state state;
  crypto_hash_sha256_init(&state);
  for (const std::string_view part : parts) {
    crypto_hash_sha256_update(&state, as_bytes(part), part.size());
  }
  Hash hash{};
  crypto_hash_sha256_final(&state, hash.data());
  return hash;
}

Hash hmac_sha256(std::string_view key, std::initializer_list<std::string_view> parts) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, as_bytes(key), key.size());
  for (const std::string_view part : parts) {
    crypto_auth_hmacsha256_update(&state, as_bytes(part), part.size());
  }
  Hash hash{};
  crypto_auth_hmacsha256_final(&state, hash.data());
  sodium_memzero(&state, sizeof state);
  return hash;
}

Hash blake2b(std::string_view key, std::string_view text) {
  Hash hash{};
  crypto_generichash(hash.data(), hash.size(), as_bytes(text), text.size(),
                     key.empty() ? nullptr : as_bytes(key), key.size());
  return hash;
}

Nonce nonce_of(std::uint64_t counter) {
  Nonce nonce{};
  for (std::size_t i = 4; i < nonce.size(); ++i) {
    nonce[i] = static_cast<unsigned char>(counter & 0xff);
    counter >>= 8;
  }
  return nonce;
}

bool aead_seal(const Key& key, std::string_view nonce, std::string_view associated,
               std::string_view plain, unsigned char* out) {
  if (nonce.size() != kNonceBytes) return false;
  crypto_aead_chacha20poly1305_ietf_encrypt(out, nullptr, as_bytes(plain), plain.size(),
                                            as_bytes(associated), associated.size(), nullptr,
                                            as_bytes(nonce), key.bytes);
  return true;
}

bool aead_open(const Key& key, std::string_view nonce, std::string_view associated,
               std::string_view sealed, unsigned char* out) {
  if (nonce.size() != kNonceBytes || sealed.size() < kTagBytes) return false;
  return crypto_aead_chacha20poly1305_ietf_decrypt(
             out, nullptr, nullptr, as_bytes(sealed), sealed.size(), as_bytes(associated),
             associated.size(), as_bytes(nonce), key.bytes) == 0;
}

void long_aead_seal(const Key& key, std::string_view nonce, std::string_view associated,
                    std::string_view plain, unsigned char* out) {
  assert(nonce.size() == kLongNonceBytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out, nullptr, as_bytes(plain), plain.size(),
                                             as_bytes(associated), associated.size(), nullptr,
                                             as_bytes(nonce), key.bytes);
}

bool long_aead_open(const Key& key, std::string_view nonce, std::string_view associated,
                    std::string_view sealed, unsigned char* out) {
  if (nonce.size() != kLongNonceBytes || sealed.size() < kTagBytes) return false;
  return crypto_aead_xchacha20poly1305_ietf_decrypt(
             out, nullptr, nullptr, as_bytes(sealed), sealed.size(), as_bytes(associated),
             associated.size(), as_bytes(nonce), key.bytes) == 0;
}

std::string to_base64url(std::string_view bytes) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  std::string text(sodium_base64_ENCODED_LEN(bytes.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), as_bytes(bytes), bytes.size(), kVariant);
  text.pop_back();  // libsodium writes a terminating zero, which std::string has already.
  return text;
}

base::Result<std::string> from_base64url(std::string_view text) {
  // libsodium 1.0.18 takes some bytes above 127 for '_', where char is signed.
  const bool is_ascii = std::all_of(text.begin(), text.end(),
                                    [](char c) { return static_cast<signed char>(c) >= 0; });
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t length = 0;
  if (!is_ascii ||
      sodium_base642bin(as_bytes(bytes), bytes.size(), text.data(), text.size(), nullptr, &length,
                        nullptr, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_base64",
                       "the text is not base64url without padding"};
  }
  bytes.resize(length);
  return bytes;
}

Key::~Key() { sodium_memzero(bytes, sizeof bytes); }

bool Key::operator==(const Key& other) const {
  return sodium_memcmp(bytes, other.bytes, sizeof bytes) == 0;
}

std::string_view Key::view() const { return as_text(bytes, sizeof bytes); }

std::string Key::hex() const { return base::to_hex(view()); }

base::Result<Key> Key::from_bytes(std::string_view raw) {
  if (raw.size() != kKeyBytes) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_key",
                       "a key is " + std::to_string(kKeyBytes) + " bytes long, this is " +
                           std::to_string(raw.size())};
  }
  Key key;
  raw.copy(reinterpret_cast<char*>(key.bytes), kKeyBytes);
  return key;
}

base::Result<Key> Key::from_hex(std::string_view hex) {
  if (hex.size() != 2 * kKeyBytes) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_key",
                       "a key is " + std::to_string(2 * kKeyBytes) + " hex characters, this is " +
                           std::to_string(hex.size())};
  }
  Key key;
  std::size_t length = 0;
  if (sodium_hex2bin(key.bytes, kKeyBytes, hex.data(), hex.size(), nullptr, &length, nullptr) !=
          0 ||
      length != kKeyBytes) {
    return base::Error{base::ErrorCode::invalid_argument, "invalid_key",
                       "a key is written in hex digits only"};
  }
  return key;
}

KeyPair KeyPair::generate() {
  ensure_crypto_ready();
  Key secret;
  randombytes_buf(secret.bytes, sizeof secret.bytes);
  return from_secret(secret);
}

KeyPair KeyPair::from_secret(const Key& secret) {
  ensure_crypto_ready();
  KeyPair pair;
  pair.secret = secret;
  crypto_scalarmult_base(pair.public_key.bytes, secret.bytes);
  return pair;
}

}  // namespace mlguard::wire
