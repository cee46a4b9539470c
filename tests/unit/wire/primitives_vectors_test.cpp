// Wycheproof's vectors for ChaCha20-Poly1305 and X25519, through the functions that we use.
#include <gtest/gtest.h>

#include "vectors.h"
#include "wire/primitives.h"

namespace mlguard::wire {
namespace {

using testing::unhex;

// One vector both ways: valid ones seal to the published bytes and open again, invalid ones never
// open (and those with another nonce size do not seal either).
void check_aead(const nlohmann::json& test) {
  const Key key = *Key::from_hex(test["key"].get<std::string>());
  const std::string nonce = unhex(test["iv"]);
  const std::string associated = unhex(test["aad"]);
  const std::string plain = unhex(test["msg"]);
  const std::string sealed = unhex(test["ct"]) + unhex(test["tag"]);
  const bool valid = test["result"] == "valid";
  std::string opened(sealed.size(), '\0');
  EXPECT_EQ(aead_open(key, nonce, associated, sealed, as_bytes(opened)), valid);
  std::string made(plain.size() + kTagBytes, '\0');
  const bool could_seal = aead_seal(key, nonce, associated, plain, as_bytes(made));
  EXPECT_EQ(could_seal, nonce.size() == kNonceBytes);
  if (valid) {
    EXPECT_EQ(opened.substr(0, plain.size()), plain);
    EXPECT_EQ(made, sealed);
  } else if (could_seal) {
    EXPECT_NE(made, sealed);
  }
}

TEST(PrimitivesVectorsTest, ChaCha20Poly1305PassesEveryWycheproofCase) {
  MLGUARD_LOAD_VECTORS(vectors, "chacha20_poly1305_test.json");
  ensure_crypto_ready();
  std::size_t checked = 0;
  for (const nlohmann::json& group : vectors["testGroups"]) {
    for (const nlohmann::json& test : group["tests"]) {
      SCOPED_TRACE("tcId " + test["tcId"].dump() + ": " + test["comment"].get<std::string>());
      check_aead(test);
      ++checked;
    }
  }
  EXPECT_EQ(checked, vectors["numberOfTests"].get<std::size_t>());
  EXPECT_GT(checked, 300u);
}

bool has_flag(const nlohmann::json& test, const std::string& flag) {
  const nlohmann::json& flags = test["flags"];
  return std::find(flags.begin(), flags.end(), flag) != flags.end();
}

// Valid and acceptable vectors give the published secret, non-canonical keys and points on the
// twist included (RFC 7748 section 5). The one exception is our rule: a public key of low order,
// whose secret is all zero whatever our own key is, is refused.
TEST(PrimitivesVectorsTest, X25519PassesEveryWycheproofCaseAndRefusesLowOrderKeys) {
  MLGUARD_LOAD_VECTORS(vectors, "x25519_test.json");
  ensure_crypto_ready();
  std::size_t checked = 0;
  std::size_t refused = 0;
  for (const nlohmann::json& group : vectors["testGroups"]) {
    for (const nlohmann::json& test : group["tests"]) {
      SCOPED_TRACE("tcId " + test["tcId"].dump() + ": " + test["comment"].get<std::string>());
      const Key secret = *Key::from_hex(test["private"].get<std::string>());
      const Key public_key = *Key::from_hex(test["public"].get<std::string>());
      Key shared;
      const bool usable = diffie_hellman(secret, public_key, shared);
      const bool zero = unhex(test["shared"]) == std::string(kKeyBytes, '\0');
      EXPECT_EQ(usable, !zero);
      EXPECT_EQ(zero, has_flag(test, "ZeroSharedSecret"));
      if (usable) {
        EXPECT_EQ(shared.hex(), test["shared"]);
      } else {
        ++refused;
      }
      ++checked;
    }
  }
  EXPECT_EQ(checked, vectors["numberOfTests"].get<std::size_t>());
  EXPECT_GT(refused, 0u);
  EXPECT_LT(refused, checked / 10);
}

// RFC 4231 test case 2 and RFC 8439 section 2.8.2's shape of nonce: fixed here because the
// published files have no vectors for them.
TEST(PrimitivesVectorsTest, HmacSha256MatchesRfc4231) {
  const Hash mac = hmac_sha256("Jefe", {"what do ya want ", "for nothing?"});
  EXPECT_EQ(base::to_hex(as_text(mac.data(), mac.size())),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(PrimitivesVectorsTest, TheNonceOfACounterIsFourZeroBytesAndTheCounterLittleEndian) {
  const Nonce nonce = nonce_of(0x0102030405060708ULL);
  EXPECT_EQ(base::to_hex(as_text(nonce.data(), nonce.size())), "000000000807060504030201");
}

TEST(PrimitivesVectorsTest, Base64UrlRoundTripsEveryLengthAndHasOneSpelling) {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    const auto back = from_base64url(to_base64url(bytes));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(*back, bytes);
    bytes.push_back(static_cast<char>(i * 37 + 200));
  }
  for (const char* bad : {"A", "AB=", "AB==", "A+", "A/", "AB ", "AB", "\n"}) {
    // "AB" leaves four bits over that are not zero: another spelling of "AA".
    EXPECT_FALSE(from_base64url(bad).ok()) << bad;
  }
}

// libsodium 1.0.18 alone decodes some bytes above 127 as if they were '_'.
TEST(PrimitivesVectorsTest, ExactlySixtyFourCharactersAreBase64Url) {
  std::string accepted;
  for (int c = 0; c < 256; ++c) {
    const std::string text = "AA" + std::string(1, static_cast<char>(c)) + "A";
    if (from_base64url(text).ok()) accepted.push_back(static_cast<char>(c));
  }
  EXPECT_EQ(accepted, "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz");
}

TEST(PrimitivesVectorsTest, KeysAreReadFromExactlySixtyFourHexDigits) {
  const Key key = KeyPair::generate().secret;
  EXPECT_TRUE(*Key::from_hex(key.hex()) == key);
  EXPECT_FALSE(Key::from_hex(key.hex().substr(1)).ok());
  EXPECT_FALSE(Key::from_hex(key.hex() + "00").ok());
  EXPECT_FALSE(Key::from_hex(std::string(64, 'g')).ok());
  EXPECT_FALSE(Key::from_bytes("short").ok());
}

}  // namespace
}  // namespace mlguard::wire
