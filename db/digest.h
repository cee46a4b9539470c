// The digests of the store: the chain over the change log and the XOR over all rows. Stateless.
// Byte formats: docs/store.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mlguard::db {

inline constexpr std::size_t kDigestBytes = 32;
using Digest = std::array<std::uint8_t, kDigestBytes>;

// BLAKE2b-256 (RFC 7693, no key).
Digest blake2b(std::string_view bytes);

// The chain: BLAKE2b-256(previous ‖ term as u64 LE ‖ revision as u64 LE ‖ images).
Digest chain_digest(const Digest& previous, std::uint64_t term, std::uint64_t revision,
                    std::string_view images);

// XOR: adds a row's hash to a state digest, or takes it away again.
void toggle(Digest& digest, const Digest& row_hash);

std::string digest_hex(const Digest& digest);
std::string_view digest_bytes(const Digest& digest);
// REQUIRES: bytes.size() == kDigestBytes; anything else gives a digest of zeroes.
Digest digest_from_bytes(std::string_view bytes);

// SHA-256, which is what people compare a document's bytes with.
Digest sha256(std::string_view bytes);

}  // namespace mlguard::db
