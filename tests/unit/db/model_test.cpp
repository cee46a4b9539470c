// Models in the store: in parts, whole only when they hash to their name, bounded, removable.
#include "base/sha256.h"
#include "tests/unit/db/core_fixture.h"

namespace mlguard::db::test {
namespace {

std::string sha256_of(const std::string& bytes) {
  base::Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

class ModelTest : public CoreTest {
 protected:
  static PutModelPart part_of(const std::string& whole, std::uint64_t part, std::uint64_t parts) {
    const std::size_t each = (whole.size() + parts - 1) / parts;
    return {sha256_of(whole), part, parts, "default", whole.substr(part * each, each)};
  }
  static std::string reason(const base::Result<WriteResult>& result) {
    return result.ok() ? "ok" : result.error().reason;
  }
};

TEST_F(ModelTest, PartsComeInAnyOrderAndOnceIsEnough) {
  const auto store = make_store();
  const std::string whole(1'000, 'm');
  for (const std::uint64_t part : {2U, 0U, 1U}) {
    const auto put = write(*store, part_of(whole, part, 3));
    ASSERT_EQ(reason(put), "ok");
    EXPECT_TRUE(put->changed);
  }
  const auto again = write(*store, part_of(whole, 1, 3));
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(count(*store, "model_part WHERE deleted = 0"), 3);
  EXPECT_EQ(count(*store, "audit WHERE action = 'models.push'"), 1);
  EXPECT_EQ(count(*store, "v_models WHERE state = 'complete' AND bytes = 1000"), 1);
}

TEST_F(ModelTest, TheWholeMustHashToItsName) {
  const auto store = make_store();
  const std::string whole(1'000, 'm');
  ASSERT_TRUE(write(*store, part_of(whole, 0, 2)).ok());
  PutModelPart damaged = part_of(whole, 1, 2);
  damaged.bytes[3] = 'x';
  EXPECT_EQ(reason(write(*store, damaged)), "model_damaged");
  EXPECT_EQ(count(*store, "model_part"), 1);
  EXPECT_EQ(reason(write(*store, part_of(whole, 1, 2))), "ok");
}

TEST_F(ModelTest, WhatIsNoPartOfAModelIsRefused) {
  const auto store = make_store();
  const PutModelPart good = part_of("bytes", 0, 1);
  PutModelPart bad = good;
  bad.sha256 = std::string(64, 'A');
  EXPECT_EQ(reason(write(*store, bad)), "invalid_model");
  bad = good;
  bad.name = "no name";
  EXPECT_EQ(reason(write(*store, bad)), "invalid_model");
  bad = good;
  bad.part = 1;
  EXPECT_EQ(reason(write(*store, bad)), "invalid_model");
  bad = good;
  bad.parts = kModelPartsMax + 1;
  EXPECT_EQ(reason(write(*store, bad)), "invalid_model");
  bad = good;
  bad.bytes = std::string(kModelPartBytesMax + 1, 'x');
  EXPECT_EQ(reason(write(*store, bad)), "invalid_model");
  bad.bytes.clear();
  EXPECT_EQ(reason(write(*store, bad)), "invalid_model");
  EXPECT_EQ(count(*store, "model_part"), 0);
}

TEST_F(ModelTest, OneHashIsNotMadeOfTwoKindsOfParts) {
  const auto store = make_store();
  const std::string whole(1'000, 'm');
  ASSERT_TRUE(write(*store, part_of(whole, 0, 2)).ok());
  EXPECT_EQ(reason(write(*store, part_of(whole, 1, 4))), "model_differs");
}

TEST_F(ModelTest, OnlySoManyAreKeptAndARemovedOneMakesRoom) {
  const auto store = make_store();
  for (std::size_t i = 0; i < kModelsMax; ++i) {
    ASSERT_EQ(reason(write(*store, part_of("model " + std::to_string(i), 0, 1))), "ok");
  }
  EXPECT_EQ(reason(write(*store, part_of("one more", 0, 1))), "too_many_models");
  ASSERT_EQ(reason(write(*store, RemoveModel{sha256_of("model 3")})), "ok");
  EXPECT_EQ(reason(write(*store, RemoveModel{sha256_of("model 3")})), "no_model");
  EXPECT_EQ(count(*store, "model_part WHERE deleted = 1 AND length(bytes) > 0"), 0);
  EXPECT_EQ(reason(write(*store, part_of("one more", 0, 1))), "ok");
  clock_.advance_ms(365LL * 24 * 3'600'000);
  ASSERT_TRUE(write(*store, Maintain{}).ok());
  EXPECT_EQ(count(*store, "model_part WHERE deleted = 1"), 0);
}

TEST_F(ModelTest, AReplicaHoldsTheSame) {
  const auto leader = make_store("aaaa");
  const auto replica = make_store("bbbb");
  const std::string whole(5'000, 'm');
  for (const std::uint64_t part : {0U, 1U}) {
    ASSERT_TRUE(write(*leader, part_of(whole, part, 2)).ok());
  }
  for (const LogEntry& entry : all_entries(*leader)) ASSERT_TRUE(apply(*replica, entry).ok());
  EXPECT_EQ(count(*replica, "v_models WHERE state = 'complete' AND bytes = 5000"), 1);
  EXPECT_EQ(replica->state().digest, leader->state().digest);
}

}  // namespace
}  // namespace mlguard::db::test
