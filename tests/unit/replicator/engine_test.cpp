#include "tests/unit/replicator/engine_fixture.h"

namespace mlguard::db::test {
namespace {

TEST_F(EngineTest, AConfigurationThatWasPutIsReadBackByteForByte) {
  const std::string document = "{\n  \"interface\": \"eth0\",\t\"n\": 1 }\n";
  const auto put_result = put("sniffer", document);
  ASSERT_TRUE(put_result.ok()) << put_result.error().message;
  EXPECT_EQ(put_result->version, 1U);
  EXPECT_EQ(put_result->revision, start_ + 1);

  const auto config = read()->config("sniffer");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->document, document);
  EXPECT_TRUE(config->active);
  EXPECT_EQ(config->revision, start_ + 1);
  expect_sound();
}

TEST_F(EngineTest, WhatWasWrittenIsThereAfterReopening) {
  const auto component = component_named("sniffer");
  ASSERT_TRUE(write(RegisterComponent{component}).ok());
  ASSERT_TRUE(put("sniffer", "{}").ok());
  ASSERT_TRUE(write(PutRules{{rule_for("203.0.113.7")}}).ok());
  const EngineStatus before = engine_->status();
  open();
  const EngineStatus after = engine_->status();
  // One entry more: the new term's first.
  EXPECT_EQ(after.revision, before.revision + 1);
  EXPECT_EQ(after.term, before.term + 1);
  EXPECT_EQ(after.state_digest, before.state_digest);
  EXPECT_EQ(after.node_id, before.node_id);
  ASSERT_EQ(engine_->leases().size(), 1U);
  const auto heads = engine_->renew_lease(beat_of(component));
  ASSERT_TRUE(heads.ok());
  EXPECT_EQ(heads->config_version, 1U);
  EXPECT_EQ(heads->rules_revision, before.revision);
  expect_sound();
}

}  // namespace
}  // namespace mlguard::db::test
