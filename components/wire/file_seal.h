// FileSeal: seals the numbered pieces of one file under a key that every instance of the cluster
// derives (ClusterKey::segment_key). docs/segment-format.md says why it is XChaCha20-Poly1305.
//
// Immutable; safe from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "wire/channel.h"

namespace mlguard::wire {

// Stands in the file in clear. Two files of one salt would share nonces, so it is drawn at random.
inline constexpr std::size_t kFileSaltBytes = 16;

class FileSeal {
 public:
  static std::string random_salt();

  // REQUIRES: salt.size() == kFileSaltBytes.
  FileSeal(const Key& key, std::string_view salt) : key_(key), salt_(salt) {}

  // REQUIRES: each number is sealed once. The nonce is salt ‖ number (u64 LE).
  std::string seal(std::uint64_t number, std::string_view associated, std::string_view plain) const;
  // nullopt: not what was sealed under this key, salt, number and associated data.
  std::optional<std::string> open(std::uint64_t number, std::string_view associated,
                                  std::string_view sealed) const;

 private:
  std::string nonce_of_piece(std::uint64_t number) const;

  Key key_;
  std::string salt_;
};

}  // namespace mlguard::wire
