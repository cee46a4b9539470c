#include "wire/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <thread>
#include <vector>

#include "base/files.h"
#include "base/ids.h"

namespace mlguard::wire {
namespace {

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("mlguard-" + base::random_hex(8));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }

  std::filesystem::path folder_;
};

Credential example_credential() {
  Credential credential;
  credential.cluster_public_key = KeyPair::generate().public_key;
  credential.private_key = KeyPair::generate().secret;
  credential.role = base::Role::ml_detector;
  credential.name = "ml-detector-2";
  return credential;
}

TEST_F(CredentialsTest, AClusterKeySurvivesItsTextAndDerivesTheSameKeys) {
  const ClusterKey key = ClusterKey::generate();
  const auto back = ClusterKey::parse(key.to_text(), "x");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->to_text(), key.to_text());
  EXPECT_TRUE(back->server_keys().secret == key.server_keys().secret);
  EXPECT_EQ(back->cluster_id(), key.cluster_id());
  EXPECT_EQ(key.cluster_id().size(), 16u);
}

TEST_F(CredentialsTest, EveryDerivedKeyIsDifferent) {
  const ClusterKey key = ClusterKey::generate();
  const std::set<std::string> keys = {key.server_keys().secret.hex(),
                                      key.operator_keys().secret.hex(),
                                      key.peer_keys().secret.hex(), key.segment_key().hex(),
                                      ClusterKey::generate().server_keys().secret.hex()};
  EXPECT_EQ(keys.size(), 5u);
}

// From an independent implementation (Python's hashlib and RFC 7748's ladder), and fixed so that a
// change of the derivation (which would lock everybody out) is noticed.
TEST_F(CredentialsTest, TheDerivationNeverChanges) {
  const auto key = ClusterKey::parse("mlguard-cluster-key-1 " + std::string(64, '1'), "x");
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->server_keys().public_key.hex(),
            "a281cd18abd747e9850ee3b1c7bf5eeea14c432d0191653ea1a4549db485221d");
  EXPECT_EQ(key->operator_keys().public_key.hex(),
            "18d404be18b7d1fcbabc9cff18ec0ae6ca36ec8fa30dadf316ac025926431855");
  EXPECT_EQ(key->peer_keys().public_key.hex(),
            "abaad49c90d2f6575466e42dc14d1a74ac1a7d56be869b1ffdfd54913d08f567");
  EXPECT_EQ(key->segment_key().hex(),
            "45ee9ff70ecc5044a4d5b38a8acaaee5ce10ee67b50934871f415d80dea5733e");
  EXPECT_EQ(key->cluster_id(), "acec493f22635632");
}

TEST_F(CredentialsTest, APipelineKeyAtRestOpensUnderItsOwnIdAndClusterOnly) {
  const ClusterKey cluster = ClusterKey::generate();
  const Key key = KeyPair::generate().secret;
  const std::string sealed = cluster.seal_pipeline_key(7, key);
  EXPECT_EQ(sealed.find(key.hex().substr(0, 16)), std::string::npos);
  EXPECT_NE(sealed, cluster.seal_pipeline_key(7, key));
  const auto opened = cluster.open_pipeline_key(7, sealed);
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(*opened == key);
  std::string damaged = sealed;
  damaged.back() = damaged.back() == '0' ? '1' : '0';
  EXPECT_EQ(cluster.open_pipeline_key(8, sealed).error().reason, "bad_pipeline_key");
  EXPECT_EQ(cluster.open_pipeline_key(7, damaged).error().reason, "bad_pipeline_key");
  EXPECT_EQ(cluster.open_pipeline_key(7, "").error().reason, "bad_pipeline_key");
  EXPECT_FALSE(ClusterKey::generate().open_pipeline_key(7, sealed).ok());
  EXPECT_FALSE(cluster.open_psk("7", sealed).ok()) << "each has a key of its own";
}

TEST_F(CredentialsTest, TextsThatAreNoClusterKeyAreRefusedByName) {
  const std::string good = "mlguard-cluster-key-1 " + std::string(64, 'a');
  for (const std::string& bad :
       {std::string(), std::string("# only a comment\n"), good.substr(0, good.size() - 1),
        good + "a", good + "\n" + good, "mlguard-cluster-key-2 " + std::string(64, 'a'),
        "mlguard-cluster-key-1 " + std::string(64, 'x'),
        "mlguard-cluster-key-1 " + std::string(64, '0'), std::string(5000, '#')}) {
    const auto parsed = ClusterKey::parse(bad, "/etc/the.key");
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().reason, "bad_cluster_key");
    EXPECT_NE(parsed.error().message.find("/etc/the.key"), std::string::npos);
    EXPECT_EQ(parsed.error().message.find(std::string(60, 'a')), std::string::npos);
  }
  EXPECT_TRUE(ClusterKey::parse("\n# note\r\n  " + good + "  \r\n\n", "x").ok());
}

TEST_F(CredentialsTest, ServersThatStartAtOnceEndWithTheSameClusterKey) {
  const std::string file = path("new/cluster.key");
  std::vector<std::string> keys(8);
  std::vector<std::thread> threads;
  for (std::string& key : keys) {
    threads.emplace_back([&key, &file] {
      const auto loaded = load_or_create_cluster_key(file);
      key = loaded.ok() ? loaded->to_text() : loaded.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& key : keys) EXPECT_EQ(key, keys.front());
  struct stat info {};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  EXPECT_EQ(load_or_create_cluster_key(file)->to_text(), keys.front());
}

TEST_F(CredentialsTest, ADamagedClusterKeyFileIsRefusedAndLeftAlone) {
  ASSERT_TRUE(base::write_file_atomic(path("cluster.key"), "garbage", 0600).ok());
  EXPECT_EQ(load_or_create_cluster_key(path("cluster.key")).error().reason, "bad_cluster_key");
  EXPECT_EQ(*base::read_file(path("cluster.key"), 100), "garbage");
}

TEST_F(CredentialsTest, WhoOnlyReadsAClusterKeyNeverMakesOne) {
  EXPECT_EQ(load_cluster_key(path("cluster.key")).error().code, base::ErrorCode::not_found);
  EXPECT_FALSE(std::filesystem::exists(path("cluster.key")));
  const auto made = load_or_create_cluster_key(path("cluster.key"));
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(load_cluster_key(path("cluster.key"))->to_text(), made->to_text());
}

TEST_F(CredentialsTest, ATokenPskOpensOnlyWithItsClusterAndId) {
  const ClusterKey key = ClusterKey::generate();
  const Key psk = KeyPair::generate().secret;
  const std::string sealed = key.seal_psk("0123456789abcdef", psk);
  EXPECT_EQ(sealed.find(psk.hex()), std::string::npos);
  EXPECT_NE(sealed, key.seal_psk("0123456789abcdef", psk));
  EXPECT_TRUE(*key.open_psk("0123456789abcdef", sealed) == psk);
  EXPECT_FALSE(key.open_psk("0123456789abcdee", sealed).ok());
  EXPECT_FALSE(ClusterKey::generate().open_psk("0123456789abcdef", sealed).ok());
  EXPECT_FALSE(key.open_psk("0123456789abcdef", sealed.substr(2)).ok());
  EXPECT_FALSE(key.open_psk("0123456789abcdef", "").ok());
  EXPECT_FALSE(key.open_psk("0123456789abcdef", "zz").ok());
}

TEST_F(CredentialsTest, ACredentialIsSavedPrivatelyAndLoadedBack) {
  const Credential credential = example_credential();
  ASSERT_TRUE(save_credential(path("a/b.credential"), credential).ok());
  struct stat info {};
  ASSERT_EQ(::stat(path("a/b.credential").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777u, 0600u);
  const auto loaded = load_credential(path("a/b.credential"));
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded->to_json(), credential.to_json());
}

TEST_F(CredentialsTest, AnAbsentCredentialIsNotFound) {
  EXPECT_EQ(load_credential(path("none")).error().code, base::ErrorCode::not_found);
}

TEST_F(CredentialsTest, SecretsThatOthersMayReadAreRefused) {
  ASSERT_TRUE(base::write_file_atomic(path("c"), example_credential().to_json(), 0640).ok());
  EXPECT_EQ(load_credential(path("c")).error().reason, "unsafe_mode");
  ASSERT_TRUE(base::write_file_atomic(path("k"), ClusterKey::generate().to_text(), 0604).ok());
  const auto key = load_or_create_cluster_key(path("k"));
  EXPECT_EQ(key.error().reason, "unsafe_mode");
  EXPECT_EQ(key.error().code, base::ErrorCode::permission_denied);
}

TEST_F(CredentialsTest, TextsThatAreNoCredentialSayWhatToDo) {
  const std::string good = example_credential().to_json();
  const auto without = [&good](const std::string& part) {
    std::string text = good;
    return text.erase(text.find(part), part.size());
  };
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
        without("\"private_key\""), without("\"version\": 1,"), without("ml-detector"),
        std::string(kCredentialBytesMax + 1, ' ')}) {
    const auto parsed = Credential::parse(bad, "/home/x.credential");
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code, base::ErrorCode::corrupt);
    EXPECT_EQ(parsed.error().reason, "bad_credential");
    EXPECT_NE(parsed.error().message.find("/home/x.credential"), std::string::npos);
    EXPECT_NE(parsed.error().message.find("enrol again"), std::string::npos);
  }
}

TEST_F(CredentialsTest, AJoinTokenSurvivesBeingCopied) {
  const JoinToken token{KeyPair::generate().public_key, "0123456789abcdef",
                        KeyPair::generate().secret};
  const std::string text = token.to_text();
  EXPECT_EQ(text.substr(0, 5), "mlg1.");
  const auto back = JoinToken::parse(" " + text + "\r\n");
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->to_text(), text);
  EXPECT_EQ(back->token_id, "0123456789abcdef");
  EXPECT_TRUE(back->psk == token.psk);
}

TEST_F(CredentialsTest, MistypedOrCutJoinTokensAreRefusedWithoutRepeatingThem) {
  const JoinToken token{KeyPair::generate().public_key, "0123456789abcdef",
                        KeyPair::generate().secret};
  const std::string text = token.to_text();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string mistyped = text;
    mistyped[i] = mistyped[i] == 'A' ? 'B' : 'A';
    const auto parsed = JoinToken::parse(mistyped);
    ASSERT_FALSE(parsed.ok()) << i;
    EXPECT_EQ(parsed.error().reason, "invalid_token");
    EXPECT_EQ(parsed.error().message.find(text.substr(40, 20)), std::string::npos);
    EXPECT_FALSE(JoinToken::parse(text.substr(0, i)).ok());
  }
  EXPECT_FALSE(JoinToken::parse(text + "A").ok());
  EXPECT_FALSE(JoinToken::parse(text + text).ok());
}

}  // namespace
}  // namespace mlguard::wire
