// Pipeline keys over the sealed API: who gets what, how they rotate, what is never readable.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "tests/unit/server/server_fixture.h"

namespace mlguard::server::test {
namespace {

using base::Role;

constexpr const char* kTarget = "/v1/pipeline-keys";
constexpr const char* kRotate = "/v1/pipeline-keys/rotate";
constexpr std::int64_t kKeyWithinMs = 60'000;

class PipelineKeysTest : public ServerTest {
 protected:
  static base::PipelineKeySet keys(SealedClient& client) {
    const Answer answer = client.call("GET", kTarget);
    EXPECT_EQ(answer.status, 200) << answer.message.body;
    auto set = wire::decode_pipeline_keys(answer.message.body);
    EXPECT_TRUE(set.ok()) << answer.message.body;
    return set.ok() ? *set : base::PipelineKeySet{};
  }
  // The first key is the server's own work.
  base::PipelineKeySet wait_for_key(SealedClient& client, std::uint64_t newest) {
    const std::int64_t until_ms = clock_.monotonic_ms() + kKeyWithinMs;
    base::PipelineKeySet set = keys(client);
    while ((set.keys.empty() || set.keys.back().id < newest) && clock_.monotonic_ms() < until_ms) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      set = keys(client);
    }
    EXPECT_FALSE(set.keys.empty());
    EXPECT_GE(set.keys.back().id, newest);
    return set;
  }
  // Everything that lies in the data folder, the write-ahead log included.
  std::string all_files() const {
    std::string all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return all;
  }
};

TEST_F(PipelineKeysTest, SniffersAndDetectorsGetTheSecretsOperatorsTheTimesOthersNothing) {
  start();
  SealedClient op = connect_operator();
  const base::PipelineKeySet seen = wait_for_key(op, 1);
  EXPECT_TRUE(seen.keys[0].secret.empty());
  EXPECT_EQ(seen.keys[0].author, "server");
  EXPECT_EQ(op.call("GET", kTarget).message.body.find("\"key\":"), std::string::npos);

  SealedClient sniffer = enrol(op, Role::sniffer).client;
  SealedClient detector = enrol(op, Role::ml_detector).client;
  const auto of_sniffer = keys(sniffer);
  const auto of_detector = keys(detector);
  ASSERT_EQ(of_sniffer.keys.size(), 1U);
  EXPECT_EQ(of_sniffer.keys[0].secret.size(), wire::kKeyBytes);
  EXPECT_EQ(of_sniffer.keys[0].secret, of_detector.keys.at(0).secret);
  EXPECT_TRUE(of_sniffer.keys[0].author.empty());
  EXPECT_LE(of_sniffer.keys[0].active_from_ms, clock_.wall_ms());
  EXPECT_EQ(of_sniffer.keys[0].retires_at_ms, 0);

  for (const Role role : {Role::firewall, Role::rag}) {
    SealedClient other = enrol(op, role).client;
    const Answer refused = other.call("GET", kTarget);
    EXPECT_EQ(refused.status, 403) << base::to_string(role);
    EXPECT_EQ(reason(refused), "role_not_permitted");
  }
  for (const Role role : {Role::sniffer, Role::ml_detector, Role::firewall, Role::rag}) {
    SealedClient other = enrol(op, role).client;
    EXPECT_EQ(other.call("POST", kRotate).status, 403) << base::to_string(role);
  }
  EXPECT_EQ(keys(op).keys.size(), 1U);
  EXPECT_EQ(plain("GET", kTarget).status, 401);
}

TEST_F(PipelineKeysTest, AnOperatorRotatesOnceUntilTheNextOneIsActive) {
  start();
  SealedClient op = connect_operator();
  ASSERT_EQ(op.call("PUT", "/v1/config/global", R"({"pipeline":{"key_grace_s":100}})").status, 200);
  SealedClient sniffer = enrol(op, Role::sniffer).client;
  const auto before = wait_for_key(sniffer, 1);
  const std::int64_t from_ms = clock_.wall_ms();
  const Answer rotated = op.call("POST", kRotate);
  ASSERT_EQ(rotated.status, 200) << rotated.message.body;
  EXPECT_EQ(wire::decode_write_reply(rotated.message.body)->version, 2U);
  const auto after = keys(sniffer);
  ASSERT_EQ(after.keys.size(), 2U);
  EXPECT_GT(after.revision, before.revision);
  EXPECT_EQ(after.keys[0].secret, before.keys[0].secret);
  EXPECT_NE(after.keys[1].secret, before.keys[0].secret);
  EXPECT_GE(after.keys[1].active_from_ms, from_ms + 100'000);
  EXPECT_EQ(after.keys[0].retires_at_ms, after.keys[1].active_from_ms + 100'000);
  const Answer again = op.call("POST", kRotate);
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(reason(again), "rotation_under_way");
  EXPECT_EQ(keys(op).keys.at(1).author, "operator");
}

TEST_F(PipelineKeysTest, ARetriedRotationIsOneRotation) {
  start();
  SealedClient op = connect_operator();
  (void)wait_for_key(op, 1);
  const std::vector<wire::Field> id = {{std::string(wire::kFieldRequestId), "0123abcd"}};
  ASSERT_EQ(op.call("POST", kRotate, {}, id).status, 200);
  const Answer again = op.call("POST", kRotate, {}, id);
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(wire::decode_write_reply(again.message.body)->version, 2U);
  EXPECT_EQ(keys(op).keys.size(), 2U);
}

TEST_F(PipelineKeysTest, TheLeaderRotatesByItselfAndRetiredKeysGo) {
  start();
  SealedClient op = connect_operator();
  ASSERT_EQ(
      op.call("PUT", "/v1/config/global", R"({"pipeline":{"key_period_s":10,"key_grace_s":1}})")
          .status,
      200);
  SealedClient sniffer = enrol(op, Role::sniffer).client;
  (void)wait_for_key(sniffer, 1);
  const auto set = wait_for_key(sniffer, 2);
  EXPECT_EQ(set.keys.back().author, "");
  const std::int64_t until_ms = clock_.monotonic_ms() + kKeyWithinMs;
  while (keys(sniffer).keys.front().id == 1 && clock_.monotonic_ms() < until_ms) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(keys(sniffer).keys.front().id, 2U);
}

TEST_F(PipelineKeysTest, AHeartbeatTellsThatKeysChanged) {
  start();
  SealedClient op = connect_operator();
  SealedClient sniffer = enrol(op, Role::sniffer).client;
  ASSERT_EQ(sniffer.call("POST", "/register", registration("sniffer")).status, 200);
  (void)wait_for_key(sniffer, 1);
  const auto revision = [&sniffer](std::uint64_t seq) {
    const Answer answer = sniffer.call("POST", "/heartbeat", beat("sniffer", seq));
    EXPECT_EQ(answer.status, 200);
    return wire::decode_heartbeat_reply(answer.message.body)->heads.pipeline_keys_revision;
  };
  const std::uint64_t before = revision(1);
  EXPECT_GT(before, 0U);
  EXPECT_EQ(revision(2), before);
  const Answer rotated = op.call("POST", kRotate);
  EXPECT_EQ(revision(3), wire::decode_write_reply(rotated.message.body)->revision);
}

TEST_F(PipelineKeysTest, NoSecretIsReadableInAnyFileMetricAuditOrLog) {
  start();
  SealedClient op = connect_operator();
  SealedClient sniffer = enrol(op, Role::sniffer).client;
  (void)wait_for_key(sniffer, 1);
  ASSERT_EQ(op.call("POST", kRotate).status, 200);
  const auto set = keys(sniffer);
  ASSERT_EQ(set.keys.size(), 2U);
  const std::string seen = all_files() + plain("GET", "/metrics").body +
                           op.call("GET", "/v1/audit?limit=100").message.body +
                           op.call("GET", "/v1/changes").message.body +
                           op.call("GET", kTarget).message.body;
  ASSERT_NE(seen.find("pipeline-keys.announce"), std::string::npos);
  for (const base::PipelineKey& key : set.keys) {
    ASSERT_EQ(key.secret.size(), wire::kKeyBytes);
    EXPECT_EQ(seen.find(key.secret.substr(0, 8)), std::string::npos);
    EXPECT_EQ(seen.find(base::to_hex(key.secret).substr(0, 16)), std::string::npos);
  }
  const auto body = nlohmann::json::parse(sniffer.call("GET", kTarget).message.body);
  for (const auto& key : body["keys"]) {
    EXPECT_EQ(seen.find(key["key"].get<std::string>().substr(0, 12)), std::string::npos);
  }
}

}  // namespace
}  // namespace mlguard::server::test
