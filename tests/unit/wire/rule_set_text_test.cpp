#include "wire/rule_set_text.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "wire/messages.h"

namespace mlguard::wire {
namespace {

base::RuleSet plain_set() {
  base::RuleSet set;
  set.revision = 4'711;
  for (int i = 0; i < 4; ++i) {
    base::Rule rule;
    rule.id = "r-" + std::to_string(i);
    rule.cidr = i == 0 ? "2001:db8::/48" : "10.0.0." + std::to_string(i);
    rule.action = i == 1 ? "allow" : "drop";
    rule.score = i == 2 ? 0.8125 : i;
    if (i == 3) {
      rule.score = 1;
      rule.reason = "two words, {braces} [brackets]";
      rule.source = "operator";
      rule.created_at_ms = 1'700'000'000'123;
      rule.expires_at_ms = 1'900'000'000'001;
      rule.revision = 77;
    }
    set.rules.push_back(rule);
  }
  set.rules[0].score = 0;
  set.digest = base::rule_set_digest(set.rules);
  set.next_id = "r-3";
  return set;
}

// What the members say, told apart from what the text looks like.
std::string told(const base::Result<base::RuleSet>& set) {
  return set.ok() ? write_rule_set(*set) : set.error().reason + ": " + set.error().message;
}

// The general reader's answer: what does not begin at once is not plain.
base::Result<base::RuleSet> read_generally(const std::string& text) {
  EXPECT_FALSE(read_plain_rule_set(" " + text));
  return decode_rule_set(" " + text);
}

TEST(RuleSetTextTest, APlainSetIsReadWithoutTheGeneralReader) {
  const base::RuleSet set = plain_set();
  const std::string text = write_rule_set(set);
  const auto read = read_plain_rule_set(text);
  ASSERT_TRUE(read);
  EXPECT_EQ(write_rule_set(*read), text);
  EXPECT_EQ(read->rules[3].reason, set.rules[3].reason);
  EXPECT_EQ(read->rules[3].created_at_ms, set.rules[3].created_at_ms);
  EXPECT_EQ(read->rules[2].score, set.rules[2].score);
  EXPECT_EQ(read->next_id, "r-3");
  EXPECT_EQ(told(read_generally(text)), text);

  base::RuleSet delta;
  delta.full = false;
  delta.removed = {"a", "b"};
  const auto read_delta = read_plain_rule_set(write_rule_set(delta));
  ASSERT_TRUE(read_delta);
  EXPECT_FALSE(read_delta->full);
  EXPECT_EQ(read_delta->removed, delta.removed);
}

TEST(RuleSetTextTest, WhatIsWrittenIsTheJsonOfTheRules) {
  base::RuleSet set = plain_set();
  set.rules[3].reason = "quotes \" and \\, ü, tab \t, no UTF-8 \xff";
  set.rules[3].score = 1e-9;
  const auto json = nlohmann::json::parse(write_rule_set(set));
  EXPECT_EQ(json["mode"], "full");
  EXPECT_EQ(json["revision"], 4'711);
  const auto& rule = json["rules"][3];
  EXPECT_EQ(rule["reason"], "quotes \" and \\, ü, tab \t, no UTF-8 \xef\xbf\xbd");
  EXPECT_EQ(rule["score"], 1e-9);
  EXPECT_EQ(rule["expires_at"], "2030-03-17T17:46:40.001Z");
  EXPECT_FALSE(json["rules"][2].contains("reason"));
  EXPECT_EQ(json["removed"].size(), 0U);
}

TEST(RuleSetTextTest, WhatNeedsTheGeneralReaderGetsIt) {
  base::RuleSet set = plain_set();
  set.rules[3].reason = "ü and \"quotes\"";
  set.rules[2].score = 1e-9;
  EXPECT_FALSE(read_plain_rule_set(write_rule_set(set)));
  const auto read = decode_rule_set(write_rule_set(set));
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->rules[3].reason, set.rules[3].reason);
  EXPECT_EQ(read->rules[2].score, 1e-9);
}

// Texts that are wrong in one place or in several: both readers take or refuse the same.
TEST(RuleSetTextTest, BothReadersAgreeOnBrokenTexts) {
  const std::string text = write_rule_set(plain_set());
  const std::string letters = "\"{}[],:.0129-eE+\\ \n\x01zT\xc3\xbc";
  std::mt19937 random(7);
  std::size_t taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string broken = text;
    for (std::size_t edits = 1 + random() % 2; edits > 0; --edits) {
      const std::size_t at = random() % broken.size();
      switch (random() % 4) {
        case 0: broken.erase(at, 1 + random() % 3); break;
        case 1: broken.insert(at, 1, letters[random() % letters.size()]); break;
        case 2: broken[at] = letters[random() % letters.size()]; break;
        default: broken.insert(at, broken.substr(random() % broken.size(), random() % 40)); break;
      }
    }
    const auto plain = read_plain_rule_set(broken);
    if (!plain) continue;
    ++taken;
    ASSERT_EQ(write_rule_set(*plain), told(read_generally(broken))) << broken;
  }
  EXPECT_GT(taken, 1'000U) << "most edits of a letter leave a set that is plain";
}

}  // namespace
}  // namespace mlguard::wire
