#include "firewall/state_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "base/files.h"
#include "support/temp_dir.h"

namespace mlguard::firewall {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

base::RuleSet some_set(bool full, std::uint64_t revision) {
  base::Rule rule;
  rule.id = "r" + std::to_string(revision);
  rule.cidr = "192.0.2.1/32";
  rule.action = full ? "drop" : "allow";
  rule.source = "ml-detector";
  rule.expires_at_ms = 1'700'000'000'123;
  rule.revision = revision;
  base::RuleSet set;
  set.full = full;
  set.revision = revision;
  set.rules = {rule};
  if (!full) set.removed = {"gone", "too"};
  set.digest = "0011223344556677";
  return set;
}

class StateFileTest : public ::testing::Test {
 protected:
  std::string bytes() const { return base::read_file(path_, 1 << 20).value(); }
  void put(const std::string& content) { support::write_text(path_, content); }
  StateFile::Loaded load() {
    StateFile file(path_);
    auto loaded = file.load();
    EXPECT_TRUE(loaded.ok());
    return loaded.ok() ? *loaded : StateFile::Loaded();
  }
  void write_two() {
    StateFile file(path_);
    ASSERT_TRUE(file.write(some_set(true, 5)).ok());
    first_bytes_ = bytes().size();
    ASSERT_TRUE(file.append(some_set(false, 6)).ok());
    ASSERT_TRUE(file.sync().ok());
  }

  support::TempDir folder_;
  const std::string path_ = folder_.path() + "/deep/firewall.rules";
  std::size_t first_bytes_ = 0;
};

TEST_F(StateFileTest, WhatWasWrittenAndAppendedIsLoaded) {
  EXPECT_THAT(load().sets, IsEmpty());
  write_two();
  const StateFile::Loaded loaded = load();
  EXPECT_EQ(loaded.problem, "");
  ASSERT_THAT(loaded.sets, SizeIs(2));
  for (const bool full : {true, false}) {
    const base::RuleSet expected = some_set(full, full ? 5 : 6);
    const base::RuleSet& set = loaded.sets[full ? 0 : 1];
    EXPECT_EQ(set.full, full);
    EXPECT_EQ(set.revision, expected.revision);
    EXPECT_EQ(set.digest, expected.digest);
    EXPECT_EQ(set.removed, expected.removed);
    ASSERT_THAT(set.rules, SizeIs(1));
    EXPECT_EQ(set.rules[0].id, expected.rules[0].id);
    EXPECT_EQ(set.rules[0].cidr, expected.rules[0].cidr);
    EXPECT_EQ(set.rules[0].action, expected.rules[0].action);
    EXPECT_EQ(set.rules[0].source, expected.rules[0].source);
    EXPECT_EQ(set.rules[0].expires_at_ms, expected.rules[0].expires_at_ms);
    EXPECT_EQ(set.rules[0].revision, expected.rules[0].revision);
  }
}

TEST_F(StateFileTest, AnAppendedFullSetReplacesAllBeforeIt) {
  write_two();
  StateFile file(path_);
  ASSERT_TRUE(file.write(some_set(true, 5)).ok());
  ASSERT_TRUE(file.append(some_set(false, 6)).ok());
  ASSERT_TRUE(file.append(some_set(true, 9)).ok());
  const StateFile::Loaded loaded = load();
  ASSERT_THAT(loaded.sets, SizeIs(1));
  EXPECT_EQ(loaded.sets[0].revision, 9U);
}

// Cut at every length, and with every byte changed: never more than what was written, never a
// crash, always named and set aside.
TEST_F(StateFileTest, EveryDamageIsNoticed) {
  write_two();
  const std::string good = bytes();
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string flipped = good;
    flipped[at] = static_cast<char>(flipped[at] ^ 0x10);
    for (const std::string& damaged : {good.substr(0, at), flipped}) {
      put(damaged);
      const StateFile::Loaded loaded = load();
      const bool ends_between = damaged.size() == first_bytes_;
      const std::size_t usable = at < first_bytes_ ? 0 : 1;
      // Nothing but its beginning: an empty state, and nothing wrong with it.
      const bool only_magic = damaged.size() == 19 && damaged.size() < good.size();
      if (ends_between || only_magic) continue;
      EXPECT_THAT(loaded.sets, SizeIs(usable)) << at;
      EXPECT_THAT(loaded.problem, HasSubstr(path_ + ".damaged")) << at;
      EXPECT_NE(::access(path_.c_str(), F_OK), 0);
      EXPECT_EQ(::access((path_ + ".damaged").c_str(), F_OK), 0);
    }
  }
}

TEST_F(StateFileTest, ItIsRewrittenWhenTheDifferencesAreMany) {
  StateFile file(path_);
  ASSERT_TRUE(file.write(some_set(true, 1)).ok());
  EXPECT_FALSE(file.wants_rewriting());
  base::RuleSet large = some_set(false, 2);
  large.rules.resize(40'000, large.rules[0]);
  ASSERT_TRUE(file.append(large).ok());
  EXPECT_TRUE(file.wants_rewriting());
  ASSERT_TRUE(file.write(some_set(true, 3)).ok());
  EXPECT_FALSE(file.wants_rewriting());
}

}  // namespace
}  // namespace mlguard::firewall
