// Sealing the pieces of a shipped file, and the block compression under it.
#include "wire/file_seal.h"

#include <gtest/gtest.h>

#include "vectors.h"
#include "wire/compression.h"
#include "wire/primitives.h"

namespace mlguard::wire {
namespace {

using testing::unhex;

Key test_key(char letter = 'k') { return *Key::from_bytes(std::string(kKeyBytes, letter)); }

const std::string kSalt(kFileSaltBytes, 's');

// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
TEST(FileSealTest, XChaCha20Poly1305GivesThePublishedBytes) {
  ensure_crypto_ready();
  const Key key =
      *Key::from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const std::string nonce = unhex("404142434445464748494a4b4c4d4e4f5051525354555657");
  const std::string associated = unhex("50515253c0c1c2c3c4c5c6c7");
  const std::string plain =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      "sunscreen would be it.";
  const std::string sealed = unhex(
      "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda"
      "7e39ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b23835"
      "65d3fff921f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49");
  std::string made(plain.size() + kTagBytes, '\0');
  long_aead_seal(key, nonce, associated, plain, as_bytes(made));
  EXPECT_EQ(made, sealed);
  std::string opened(plain.size(), '\0');
  ASSERT_TRUE(long_aead_open(key, nonce, associated, sealed, as_bytes(opened)));
  EXPECT_EQ(opened, plain);
  EXPECT_FALSE(long_aead_open(key, nonce.substr(1), associated, sealed, as_bytes(opened)));
}

TEST(FileSealTest, APieceOpensOnlyAsWhatItWasSealedAs) {
  const FileSeal seal(test_key(), kSalt);
  const std::string sealed = seal.seal(7, "header", "plain");
  EXPECT_EQ(seal.open(7, "header", sealed), "plain");
  EXPECT_FALSE(seal.open(8, "header", sealed)) << "another number";
  EXPECT_FALSE(seal.open(7, "Header", sealed)) << "other associated data";
  EXPECT_FALSE(seal.open(7, "header", sealed.substr(1))) << "cut";
  EXPECT_FALSE(seal.open(7, "header", "")) << "nothing";
  EXPECT_FALSE(FileSeal(test_key('x'), kSalt).open(7, "header", sealed)) << "another key";
  EXPECT_FALSE(FileSeal(test_key(), std::string(kFileSaltBytes, 't')).open(7, "header", sealed))
      << "another file";
}

TEST(FileSealTest, AnyFlippedBitIsNoticed) {
  const FileSeal seal(test_key(), kSalt);
  const std::string sealed = seal.seal(0, "", "some plaintext");
  for (std::size_t i = 0; i < sealed.size() * 8; ++i) {
    std::string damaged = sealed;
    damaged[i / 8] = static_cast<char>(damaged[i / 8] ^ (1 << (i % 8)));
    EXPECT_FALSE(seal.open(0, "", damaged)) << i;
  }
}

TEST(FileSealTest, SaltsDiffer) { EXPECT_NE(FileSeal::random_salt(), FileSeal::random_salt()); }

TEST(CompressionTest, OnlyWhatBecomesSmallerIsCompressed) {
  std::string out = "lead";
  EXPECT_FALSE(append_compressed(std::string(kCompressAboveBytes, 'a'), out));
  EXPECT_EQ(out, "lead");
  const std::string body(5'000, 'a');
  ASSERT_TRUE(append_compressed(body, out));
  const std::string_view compressed = std::string_view(out).substr(4);
  ASSERT_TRUE(is_possible_compression(compressed.size(), body.size()));
  EXPECT_EQ(decompress(compressed, body.size()), body);
  EXPECT_FALSE(decompress(compressed, body.size() - 1));
  EXPECT_FALSE(is_possible_compression(compressed.size(), compressed.size()));
  EXPECT_FALSE(is_possible_compression(4, 100'000'000));
}

}  // namespace
}  // namespace mlguard::wire
