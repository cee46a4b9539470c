#include "pipeline/keyring.h"

#include <gtest/gtest.h>

#include "tests/unit/pipeline/samples.h"

namespace mlguard::pipeline {
namespace {

TEST(KeyringTest, TheNewestActiveKeySeals) {
  const auto ring = Keyring::of({pipeline_key(2, 100), pipeline_key(1, 0, 200)});
  ASSERT_TRUE(ring.ok());
  EXPECT_EQ(ring->to_seal(-1), nullptr);
  EXPECT_EQ(ring->to_seal(0)->id, 1u);
  EXPECT_EQ(ring->to_seal(99)->id, 1u);
  EXPECT_EQ(ring->to_seal(100)->id, 2u);
  EXPECT_EQ(ring->to_seal(500)->id, 2u);
}

TEST(KeyringTest, ARetiredKeyDoesNotSeal) {
  const auto ring = Keyring::of({pipeline_key(1, 0, 200)});
  EXPECT_NE(ring->to_seal(199), nullptr);
  EXPECT_EQ(ring->to_seal(200), nullptr);
  EXPECT_TRUE(ring->find(1)->is_retired(200));
  EXPECT_FALSE(ring->find(1)->is_retired(199));
}

TEST(KeyringTest, KeysThatCannotBeAreRefused) {
  base::PipelineKey shorter = pipeline_key(1);
  shorter.secret.pop_back();
  EXPECT_EQ(Keyring::of({shorter}).error().reason, "invalid_keyring");
  EXPECT_EQ(Keyring::of({pipeline_key(0)}).error().reason, "invalid_keyring");
  EXPECT_EQ(Keyring::of({pipeline_key(3), pipeline_key(3)}).error().reason, "invalid_keyring");
  std::vector<base::PipelineKey> keys;
  for (std::uint64_t id = 1; id <= base::kPipelineKeysMax; ++id) keys.push_back(pipeline_key(id));
  EXPECT_TRUE(Keyring::of(keys).ok());
  keys.push_back(pipeline_key(99));
  EXPECT_EQ(Keyring::of(keys).error().reason, "invalid_keyring");
}

TEST(KeyringTest, ARefusalNeverRepeatsASecret) {
  base::PipelineKey longer = pipeline_key(1);
  longer.secret += "secret";
  EXPECT_EQ(Keyring::of({longer}).error().message.find("secret"), std::string::npos);
}

}  // namespace
}  // namespace mlguard::pipeline
