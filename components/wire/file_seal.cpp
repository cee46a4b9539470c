#include "wire/file_seal.h"

#include <sodium.h>

#include <cassert>

#include "base/bytes.h"
#include "wire/primitives.h"

namespace mlguard::wire {

static_assert(kFileSaltBytes + sizeof(std::uint64_t) == kLongNonceBytes);

std::string FileSeal::random_salt() {
  ensure_crypto_ready();
  std::string salt(kFileSaltBytes, '\0');
  randombytes_buf(salt.data(), salt.size());
  return salt;
}

std::string FileSeal::nonce_of_piece(std::uint64_t number) const {
  assert(salt_.size() == kFileSaltBytes);
  std::string nonce = salt_;
  base::ByteWriter(nonce).fixed64(number);
  return nonce;
}

std::string FileSeal::seal(std::uint64_t number, std::string_view associated,
                           std::string_view plain) const {
  std::string sealed(plain.size() + kTagBytes, '\0');
  long_aead_seal(key_, nonce_of_piece(number), associated, plain, as_bytes(sealed));
  return sealed;
}

std::optional<std::string> FileSeal::open(std::uint64_t number, std::string_view associated,
                                          std::string_view sealed) const {
  if (sealed.size() < kTagBytes) return std::nullopt;
  std::string plain(sealed.size() - kTagBytes, '\0');
  if (!long_aead_open(key_, nonce_of_piece(number), associated, sealed, as_bytes(plain))) {
    return std::nullopt;
  }
  return plain;
}

}  // namespace mlguard::wire
