#include "db/digest.h"

#include <sodium.h>

#include <cstring>

#include "base/ids.h"

namespace mlguard::db {

namespace {

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

void put_u64(unsigned char* at, std::uint64_t value) {
  for (int i = 0; i < 8; ++i) at[i] = static_cast<unsigned char>(value >> (8 * i));
}

}  // namespace

Digest blake2b(std::string_view bytes) {
  Digest digest{};
  crypto_generichash(digest.data(), digest.size(), as_bytes(bytes), bytes.size(), nullptr, 0);
  return digest;
}

Digest chain_digest(const Digest& previous, std::uint64_t term, std::uint64_t revision,
                    std::string_view images) {
  std::array<unsigned char, kDigestBytes + 16> head{};
  std::memcpy(head.data(), previous.data(), kDigestBytes);
  put_u64(head.data() + kDigestBytes, term);
  put_u64(head.data() + kDigestBytes + 8, revision);

  crypto_generichash_state state;
  Digest digest{};
  crypto_generichash_init(&state, nullptr, 0, digest.size());
  crypto_generichash_update(&state, head.data(), head.size());
  crypto_generichash_update(&state, as_bytes(images), images.size());
  crypto_generichash_final(&state, digest.data(), digest.size());
  return digest;
}

void toggle(Digest& digest, const Digest& row_hash) {
  for (std::size_t i = 0; i < kDigestBytes; ++i) {
    digest[i] = static_cast<std::uint8_t>(digest[i] ^ row_hash[i]);
  }
}

std::string digest_hex(const Digest& digest) { return base::to_hex(digest_bytes(digest)); }

std::string_view digest_bytes(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Digest digest_from_bytes(std::string_view bytes) {
  Digest digest{};
  if (bytes.size() == kDigestBytes) std::memcpy(digest.data(), bytes.data(), kDigestBytes);
  return digest;
}

Digest sha256(std::string_view bytes) {
  Digest digest{};
  static_assert(kDigestBytes == crypto_hash_sha256_BYTES);
  crypto_hash_sha256(digest.data(), as_bytes(bytes), bytes.size());
  return digest;
}

}  // namespace mlguard::db
