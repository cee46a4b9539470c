// Pipeline keys over three instances: the same everywhere, through a rotation and a leader's death,
// from any instance, for the roles that need them, and readable in no file.
#include <algorithm>
#include <filesystem>
#include <vector>

#include "cluster.h"
#include "support/process.h"
#include "wire/messages.h"

namespace mlguard::cluster {
namespace {

using base::PipelineKeySet;

class PipelineKeysTest : public ClusterTest {
 protected:
  // Of an agent that enrols with a token of its own.
  std::unique_ptr<etcd_client::Client> agent(base::Role role, std::size_t instance) {
    const std::string name = std::string(base::to_string(role)) + "-" + std::to_string(instance);
    const auto admin = client(instance);
    const auto token = admin->call(
        {"POST", "/v1/tokens", wire::encode(wire::TokenRequest{role, name, 60'000, 1}), {}});
    EXPECT_TRUE(token.ok());
    etcd_client::ClientOptions options;
    options.endpoints = {"localhost:" + std::to_string(at(instance).port())};
    options.credential_path = folder_ / (name + ".credential");
    const auto text = wire::decode_token_reply(token->body);
    EXPECT_TRUE(text.ok()) << token->body;
    const auto enrolled = etcd_client::enrol(options, text->token, name, options.credential_path);
    EXPECT_TRUE(enrolled.ok()) << enrolled.error().message;
    auto opened = etcd_client::Client::open(options);
    EXPECT_TRUE(opened.ok());
    return std::move(*opened);
  }
  // Once there are so many; what there is otherwise.
  static PipelineKeySet keys(etcd_client::Client& from, std::size_t count) {
    PipelineKeySet set;
    support::wait_until(
        [&] {
          auto got = from.pipeline_keys();
          if (got.ok()) set = std::move(*got);
          return set.keys.size() >= count;
        },
        kSettledWithinMs);
    EXPECT_EQ(set.keys.size(), count);
    return set;
  }
  static void expect_same(const PipelineKeySet& a, const PipelineKeySet& b) {
    ASSERT_EQ(a.keys.size(), b.keys.size());
    for (std::size_t i = 0; i < a.keys.size(); ++i) {
      EXPECT_EQ(a.keys[i].id, b.keys[i].id);
      EXPECT_EQ(a.keys[i].secret, b.keys[i].secret);
      EXPECT_EQ(a.keys[i].active_from_ms, b.keys[i].active_from_ms);
      EXPECT_EQ(a.keys[i].retires_at_ms, b.keys[i].retires_at_ms);
    }
  }
  void expect_in_no_file(const PipelineKeySet& set) {
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path())) {
      if (!entry.is_regular_file()) continue;
      const std::string content = support::read_text(entry.path().string());
      files += entry.path().filename() == "control.db" ? 1u : 0u;
      for (const base::PipelineKey& key : set.keys) {
        EXPECT_EQ(content.find(key.secret), std::string::npos) << entry.path();
        EXPECT_EQ(content.find(key.secret.substr(0, 8)), std::string::npos) << entry.path();
      }
    }
    EXPECT_EQ(files, count()) << "the databases were not looked at";
  }
};

TEST_F(PipelineKeysTest, TheyAreTheSameEverywhereThroughARotationAndTheLeadersDeath) {
  start_instances(3);
  const std::size_t first = wait_for_leader();
  ASSERT_LT(first, count());
  const auto sniffer = agent(base::Role::sniffer, 1);
  const auto detector = agent(base::Role::ml_detector, 2);
  const PipelineKeySet begun = keys(*sniffer, 1);
  expect_same(keys(*detector, 1), begun);

  // Typed at a follower; the operator's own view has no secrets.
  const auto rotated = ml_guard(2, {"pipeline-keys", "rotate"});
  ASSERT_EQ(rotated.exit.code, 0) << rotated.out << rotated.err;
  EXPECT_NE(rotated.out.find("pipeline key 2 is announced"), std::string::npos) << rotated.out;
  const auto seen = client(0)->pipeline_keys();
  ASSERT_TRUE(seen.ok()) << seen.error().message;
  ASSERT_EQ(seen->keys.size(), 2U);
  EXPECT_TRUE(seen->keys[0].secret.empty() && seen->keys[1].secret.empty());
  const PipelineKeySet announced = keys(*sniffer, 2);
  expect_same(keys(*detector, 2), announced);
  EXPECT_EQ(announced.keys[0].secret, begun.keys[0].secret);
  EXPECT_NE(announced.keys[1].secret, begun.keys[0].secret);
  EXPECT_GT(announced.keys[0].retires_at_ms, announced.keys[1].active_from_ms);

  at(first).kill9();
  const std::size_t second = wait_for_leader();
  ASSERT_LT(second, count());
  expect_same(keys(*sniffer, 2), announced);
  expect_same(keys(*detector, 2), announced);
  // The new leader goes on with them: no third one, and a rotation under way stays one.
  const auto again = ml_guard(second, {"pipeline-keys", "rotate"});
  EXPECT_NE(again.exit.code, 0);
  EXPECT_NE(again.err.find("announced already"), std::string::npos) << again.err;
  start(first);
  expect_agreement();
  expect_same(keys(*agent(base::Role::sniffer, first), 2), announced);
  expect_in_no_file(announced);
}

TEST_F(PipelineKeysTest, AFirewallAndRagAreRefusedAtEveryInstance) {
  start_instances(3);
  ASSERT_LT(wait_for_leader(), count());
  for (std::size_t i = 0; i < count(); ++i) {
    for (const base::Role role : {base::Role::firewall, base::Role::rag}) {
      const auto refused = agent(role, i)->pipeline_keys();
      ASSERT_FALSE(refused.ok()) << base::to_string(role) << " at " << i;
      EXPECT_EQ(refused.error().code, base::ErrorCode::permission_denied);
      EXPECT_EQ(refused.error().reason, "role_not_permitted");
    }
  }
}

TEST_F(PipelineKeysTest, NewLeadersOneAfterTheOtherMakeOneKeyEach) {
  start_instances(3);
  const std::size_t first = wait_for_leader();
  ASSERT_LT(first, count());
  ASSERT_TRUE(client(first)
                  ->put_config("global", R"({"pipeline":{"key_period_s":20,"key_grace_s":1}})")
                  .ok());
  const auto sniffer = agent(base::Role::sniffer, 1);
  const PipelineKeySet begun = keys(*sniffer, 1);
  at(first).kill9();
  ASSERT_LT(wait_for_leader(), count());
  // The next one is due 19 s after the first, whoever leads then.
  PipelineKeySet set;
  ASSERT_TRUE(support::wait_until(
      [&] {
        auto got = sniffer->pipeline_keys();
        if (got.ok()) set = std::move(*got);
        return !set.keys.empty() && set.keys.back().id == 2;
      },
      kSettledWithinMs));
  EXPECT_LE(set.keys.size(), 2U);
  EXPECT_GE(set.keys.back().active_from_ms, begun.keys[0].active_from_ms + 20'000);
  start(first);
  expect_agreement();
}

}  // namespace
}  // namespace mlguard::cluster
