#include "rag/question.h"

#include <gtest/gtest.h>

#include "rag/intent.h"
#include "rag/vocabulary.h"
#include "rag/wish.h"
#include "recorded_index.h"

namespace mlguard::rag {
namespace {

Slots slots_of(const std::string& text, const wire::AskSubject& subject = {}) {
  const auto slots = read_question(question_of(text, subject), recorded_index());
  EXPECT_TRUE(slots.ok());
  return slots.ok() ? *slots : Slots{};
}
std::string intent_of(const std::string& text, const wire::AskSubject& subject = {}) {
  return to_string(recognise(slots_of(text, subject)));
}
std::string path_of(const std::string& text) {
  const Slots slots = slots_of(text);
  return slots.path_said && !slots.path.values.empty() ? slots.path.values.front().path : "";
}

TEST(QuestionTest, NicknamesAndTypingMistakesMeanComponents) {
  EXPECT_EQ(slots_of("is the fw alive").component(), "firewall");
  EXPECT_EQ(slots_of("is the sensor up").component(), "sniffer");
  EXPECT_EQ(slots_of("detecter status").component(), "ml-detector");
  EXPECT_EQ(slots_of("is the firewal ok").component(), "firewall");
  EXPECT_EQ(slots_of("dmz sensor dead?").component(), "sniffer-dmz");
  EXPECT_EQ(slots_of("firewall-branch?").component(), "firewall-branch");
  EXPECT_EQ(slots_of("everything ok").component(), "");
}

TEST(QuestionTest, NamesOfPeopleAreNoTypingMistakes) {
  EXPECT_EQ(slots_of("what did alice do").actor, "alice");
  EXPECT_EQ(slots_of("what did i do").actor, "carol");
  EXPECT_EQ(slots_of("rules by bob").actor, "bob");
}

TEST(QuestionTest, AddressesAreFoundWithTheirPortsAndPunctuation) {
  EXPECT_EQ(slots_of("y is 10.0.0.5 blocked??").address, "10.0.0.5");
  EXPECT_EQ(slots_of("10.0.0.5:443?").address, "10.0.0.5");
  EXPECT_EQ(slots_of("is [2001:db8::1]:443 blocked").address, "2001:db8::1");
  EXPECT_EQ(slots_of("rules in 10.0.0.0/8.").address, "10.0.0.0/8");
  EXPECT_EQ(slots_of("why is ::1 blocked").address, "::1");
  EXPECT_EQ(slots_of("block 203.0.113.300").address, "");
  EXPECT_EQ(slots_of("block 203.0.113.300").no_address, "203.0.113.300");
}

TEST(QuestionTest, WordsMeanTheValuesThatAreThere) {
  EXPECT_EQ(path_of("block threshold"), "thresholds.block");
  EXPECT_EQ(path_of("the detectors threshold"), "thresholds.block");
  EXPECT_EQ(path_of("heartbeat interval"), "heartbeat.interval_s");
  EXPECT_EQ(path_of("ttl of rules"), "rules.ttl_s");
  EXPECT_EQ(path_of("is xdp on"), "xdp.enabled");
  EXPECT_EQ(path_of("thresholds.detect"), "thresholds.detect");
  EXPECT_EQ(path_of("scan_ports"), "fast_rules.scan_ports");
  EXPECT_EQ(path_of("which rules are on the list"), "");
  EXPECT_EQ(path_of("what's the weather"), "");
}

TEST(QuestionTest, VersionsAreCountedNumbers) {
  EXPECT_EQ(slots_of("between v3 and v5").versions, (std::vector<std::uint64_t>{3, 5}));
  EXPECT_EQ(slots_of("versions 3 and 5 of fw").versions, (std::vector<std::uint64_t>{3, 5}));
  EXPECT_EQ(slots_of("fw v3..v5").versions, (std::vector<std::uint64_t>{3, 5}));
  EXPECT_EQ(slots_of("threshold in version 2").versions, (std::vector<std::uint64_t>{2}));
  EXPECT_TRUE(slots_of("last 2 hours").versions.empty());
}

TEST(QuestionTest, TheSameIsAskedInManyWays) {
  const std::vector<std::pair<const char*, const char*>> asked = {
      {"is everything ok?", "status_overall"},
      {"all good?", "status_overall"},
      {"hows everything", "status_overall"},
      {"whats wrong", "unhealthy"},
      {"any component down", "unhealthy"},
      {"who is dead", "unhealthy"},
      {"is the sniffer alive", "component_health"},
      {"when was the fw last seen", "component_health"},
      {"what version does the firewall run", "component_health"},
      {"list components", "components_list"},
      {"show me the detectors threshold", "config_value"},
      {"show the firewall config", "config_value"},
      {"what was the block threshold yesterday", "config_value"},
      {"who set the block threshold", "config_author"},
      {"when was the block threshold changed", "config_author"},
      {"who made version 3 of the firewall config", "config_author"},
      {"fw config history", "config_history"},
      {"what changed in ml-detector between v3 and v5", "config_diff"},
      {"diff of sniffer 2 and 3", "config_diff"},
      {"what changed in the firewall config", "config_diff"},
      {"y is 203.0.113.7 blocked??", "why_blocked"},
      {"reason for the block of 203.0.113.7", "why_blocked"},
      {"203.0.113.7 blocked?", "is_blocked"},
      {"is 203.0.113.7 banned", "is_blocked"},
      {"how long is 203.0.113.7 blocked", "block_end"},
      {"who blocked 203.0.113.7", "who_blocked"},
      {"what happened with 10.77.1.66", "timeline"},
      {"10.77.1.66", "timeline"},
      {"list rules", "rules_list"},
      {"which rules expire soon", "rules_list"},
      {"how many addresses are blocked", "rules_count"},
      {"what changed since yesterday", "changes_since"},
      {"what did i miss last night", "changes_since"},
      {"worst attackers today", "top_sources"},
      {"who attacks us", "top_sources"},
      {"show portscans from 10.77.1.66", "detections_list"},
      {"attacks last night", "detections_list"},
      {"how many port scans today", "detections_count"},
      {"latest attack", "latest_attack"},
      {"which model is active", "model_info"},
      {"denied requests", "audit_refused"},
      {"what did bob do today", "actor_actions"},
      {"who is the leader", "cluster_changes"},
      {"which tokens were made", "cluster_changes"},
      {"what can you do", "help"},
      {"how do i add a member", "passages"},
      {"whats the weather", "passages"},
  };
  for (const auto& [text, intent] : asked) EXPECT_EQ(intent_of(text), intent) << text;
}

TEST(WishTest, OnlyOrdersAreWishes) {
  for (const char* text :
       {"block threshold?", "who set the threshold", "why is 10.0.0.5 blocked", "what changed",
        "how do i block an address", "is the last block over", "drop rate", "changes since monday",
        "can i block a network", "show the allow rules", "did bob unblock 10.0.0.5"}) {
    EXPECT_FALSE(read_wish(slots_of(text))) << text;
  }
}

TEST(WishTest, OrdersAreReadWithTheirArguments) {
  const auto block = read_wish(slots_of("please ban 10.0.0.9 for 90 minutes"));
  ASSERT_TRUE(block);
  EXPECT_EQ(block->kind, WishKind::block);
  EXPECT_EQ(block->ttl_ms, 90 * 60'000);
  const auto off = read_wish(slots_of("turn xdp off on the firewall"));
  ASSERT_TRUE(off);
  EXPECT_EQ(off->kind, WishKind::set_value);
  EXPECT_EQ(off->value, "false");
  const auto late = read_wish(slots_of("10.0.0.9 looks bad, block it", {"", "", "10.0.0.9", ""}));
  ASSERT_TRUE(late);
  EXPECT_EQ(late->kind, WishKind::block);
  const auto back = read_wish(slots_of("roll back the firewall's config to version 3"));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->kind, WishKind::rollback);
  EXPECT_EQ(read_wish(slots_of("stop blocking 10.0.0.9"))->kind, WishKind::unblock);
  EXPECT_EQ(read_wish(slots_of("never block 10.0.0.9"))->kind, WishKind::allow);
  EXPECT_EQ(read_wish(slots_of("could you whitelist 10.1.0.0/16"))->kind, WishKind::allow);
}

TEST(WordsTest, MistakesAreCorrectedInKnownWordsOnly) {
  EXPECT_TRUE(normalise("is the firewal ok", spelling(), {}).has("firewall"));
  EXPECT_TRUE(normalise("treshold", spelling(), {}).has("threshold"));
  EXPECT_TRUE(normalise("what's the weather", spelling(), {}).has("weather"));
  EXPECT_TRUE(normalise("alice", spelling(), {"alice"}).has("alice"));
  EXPECT_EQ(edit_distance("firewall", "firewlal", 2), 1U);
  EXPECT_EQ(edit_distance("a", "abcdef", 2), 3U);
}

TEST(WishTest, AWishWithoutAnOrderIsGuessed) {
  EXPECT_EQ(guess_wish(slots_of("10.0.0.9 should be let in again"))->kind, WishKind::unblock);
  EXPECT_EQ(guess_wish(slots_of("10.0.0.9 has to be banned"))->kind, WishKind::block);
  EXPECT_EQ(guess_wish(slots_of("10.0.0.9 belongs on the whitelist"))->kind, WishKind::allow);
  const auto off = guess_wish(slots_of("xdp off on the firewall"));
  ASSERT_TRUE(off);
  EXPECT_EQ(off->kind, WishKind::set_value);
  EXPECT_EQ(off->value, "false");
}

TEST(WishTest, WhatIsNegatedIsNeverTakenForItsOpposite) {
  for (const char* text :
       {"never let 10.0.0.9 back in", "10.0.0.9 must not be allowed in again",
        "10.0.0.9 should not be blocked", "no exception for 10.0.0.9", "dont unblock 10.0.0.9"}) {
    EXPECT_FALSE(guess_wish(slots_of(text))) << text;
  }
}

}  // namespace
}  // namespace mlguard::rag
