#include "rag/records_of.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace mlguard::rag {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> lines_of(const char* document) {
  std::vector<std::string> lines;
  for (const Leaf& leaf : leaves_of(document)) lines.push_back(leaf.path + "=" + leaf.value);
  return lines;
}

TEST(LeavesTest, EveryValueHasItsPath) {
  EXPECT_THAT(lines_of(R"({"a":{"b":0.9,"c":"x"},"d":true,"e":null,"f":{}})"),
              ElementsAre("a.b=0.9", "a.c=\"x\"", "d=true", "e=null", "f={}"));
}

TEST(LeavesTest, AListOfPlainValuesIsOneAndOthersAreNumbered) {
  EXPECT_THAT(
      lines_of(R"({"allowlist":["10.0.0.0/8","::1"],"none":[],"hosts":[{"a":1},{"a":2}]})"),
      ElementsAre("allowlist=[\"10.0.0.0/8\",\"::1\"]", "none=[]", "hosts.0.a=1", "hosts.1.a=2"));
}

TEST(LeavesTest, WhatIsNoObjectHasNone) {
  for (const char* document : {"", "[1]", "7", "{", "\xff"}) {
    EXPECT_TRUE(leaves_of(document).empty()) << document;
  }
}

TEST(LeavesTest, SecretsAreHiddenByNameAndBelowOne) {
  EXPECT_THAT(lines_of(R"({"smtp":{"password":"a","password_required":true},
                           "credentials":{"user":"u","n":7,"on":false},"tokens":["a","b"],
                           "token_ttl_s":900,"pipeline":{"key_period_s":60}})"),
              ElementsAre("smtp.password=\"(hidden)\"", "smtp.password_required=true",
                          "credentials.user=\"(hidden)\"", "credentials.n=\"(hidden)\"",
                          "credentials.on=false", "tokens=[\"(hidden)\",\"(hidden)\"]",
                          "token_ttl_s=900", "pipeline.key_period_s=60"));
}

TEST(LeavesTest, AreBoundedInNumberAndDepth) {
  std::string many = "{";
  for (int number = 0; number < 5'000; ++number) {
    many += (number > 0 ? ",\"k" : "\"k") + std::to_string(number) + "\":1";
  }
  EXPECT_EQ(leaves_of(many + "}").size(), kLeavesMax);
  std::string deep;
  for (int level = 0; level < 200; ++level) deep += "{\"a\":";
  deep += "1" + std::string(200, '}');
  EXPECT_TRUE(leaves_of(deep).empty());
  std::string list = "{\"l\":[";
  for (int number = 0; number < 5'000; ++number) list += (number > 0 ? ",1" : "1");
  const auto leaves = leaves_of(list + "]}");
  ASSERT_EQ(leaves.size(), 1u);
  EXPECT_LT(leaves[0].value.size(), kRecordTextBytesMax);
  EXPECT_THAT(leaves[0].value, HasSubstr("more"));
}

TEST(RuleRecordTest, SaysWhatHowLongAndByWhom) {
  base::Rule rule;
  rule.id = "r1";
  rule.cidr = "10.0.0.5/32";
  rule.reason = "phishing";
  rule.source = "alice";
  rule.score = 1;
  rule.created_at_ms = 1'700'000'000'000;
  const Record record = record_of(rule);
  EXPECT_EQ(record.text,
            "Rule r1 drops everything from 10.0.0.5/32. Made by alice at "
            "2023-11-14T22:13:20.000Z, with score 1.\nReason: phishing\nIt never expires.");
  const Record gone = ended(record, {1'700'000'001'000, "bob"});
  EXPECT_THAT(gone.text, HasSubstr("It was removed at 2023-11-14T22:13:21.000Z by bob"));
  EXPECT_EQ(gone.related, "bob");
  rule.action = "allow";
  EXPECT_THAT(record_of(rule).text, HasSubstr("it is never blocked"));
}

StoredDetection detection(const std::string& detail) {
  StoredDetection stored;
  stored.detection.id = "d1";
  stored.detection.kind = "portscan";
  stored.detection.component = "ml-detector";
  stored.detection.source_ip = "2001:db8::9";
  stored.detection.destination_ip = "2001:db8::1";
  stored.detection.destination_port = 443;
  stored.detection.detail = detail;
  return stored;
}

TEST(DetectionRecordTest, IsExplainedInSentences) {
  const Record record = record_of(detection(
      R"({"by":"port_scan","layer":"rule","rule_score":0.9,"flows":7,"evidence":"forgeable",
          "reasons":[{"what":"ports","value":60,"limit":20}],
          "features":[{"name":"dst_port","value":null,"added":0.5}],
          "not_blocked":"allowlisted"})"));
  EXPECT_EQ(record.destination, "[2001:db8::1]:443");
  EXPECT_EQ(record.title, "portscan from 2001:db8::9 to [2001:db8::1]:443");
  for (const char* sentence :
       {"Said by port_scan (rule).", "The rule's score is 0.9.", "Flows since the last report: 7.",
        "Because ports was 60, with a limit of 20.",
        "The model saw dst_port = missing, which adds 0.5.", "The evidence is forgeable",
        "It was not blocked: its source is on the allowlist (allowlisted)."}) {
    EXPECT_THAT(record.text, HasSubstr(sentence));
  }
}

TEST(DetectionRecordTest, WhateverTheDetailIsNothingBreaks) {
  for (const char* detail :
       {"", "{", "[]", "7", R"({"reasons":7,"features":{},"by":[1]})",
        R"({"reasons":[1,"a",null,{"what":{}}],"flows":"many","not_blocked":{"a":1}})"}) {
    EXPECT_FALSE(record_of(detection(detail)).text.empty()) << detail;
  }
  const Record record = record_of(detection(R"({"by":"password=hunter2","token":"hunter2"})"));
  EXPECT_THAT(record.text + record.detail, Not(HasSubstr("hunter2")));
}

TEST(HealthRecordTest, ADegradedComponentThatBeatsIsDegradedAndADeadOneIsDead) {
  ComponentState state;
  state.component.name = "firewall";
  state.says = "degraded";
  state.problem = "nftables: permission denied, token=abc";
  state.last_heartbeat_ms = 1'700'000'000'000;
  state.detail = R"({"dropped":7,"psk":"abc"})";
  const auto records = records_of(state);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].value, "degraded");
  EXPECT_THAT(records[1].text, HasSubstr("Problem: nftables: permission denied, token=(hidden)"));
  EXPECT_EQ(records[1].detail, "{\"dropped\":7,\"psk\":\"(hidden)\"}");
  state.component.health = base::Health::dead;
  EXPECT_EQ(records_of(state)[1].value, "dead");
}

TEST(DocRecordsTest, AreCutAtHeadingsAndNotInsideCode) {
  const auto records = doc_records(
      {"x.md", "# The Page\nintro\n## Drift & repair\nhow\n```\n# no heading\n```\n## Empty\n"},
      "docs/");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].key, "docs/x.md#the-page");
  EXPECT_EQ(records[0].title, "The Page");
  EXPECT_EQ(records[1].key, "docs/x.md#drift--repair");
  EXPECT_EQ(records[1].title, "The Page: Drift & repair");
  EXPECT_THAT(records[1].text, HasSubstr("# no heading"));
}

TEST(DocRecordsTest, LongSectionsBecomeParts) {
  std::string text = "# P\n";
  for (int line = 0; line < 200; ++line) text += "a line of some forty characters or so, yes\n\n";
  const auto records = doc_records({"x.md", text}, "");
  ASSERT_GT(records.size(), 2u);
  EXPECT_EQ(records[1].key, "x.md#p-part-2");
  for (const Record& record : records) EXPECT_LE(record.text.size(), kRecordTextBytesMax);
}

TEST(DocRecordsTest, EverySettingHasARecordOfItsOwn) {
  const auto records =
      doc_records({"configuration.md",
                   "# C\n## ml-detector\n| Key | Default | Values | Meaning |\n|---|\n"
                   "| `thresholds.block` | `0.9` | 0 to 1 | From this score on. |\n"},
                  "docs/");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].key, "docs/configuration.md#ml-detector.thresholds.block");
  EXPECT_EQ(records[0].component, "ml-detector");
  EXPECT_EQ(records[0].text,
            "Setting thresholds.block of ml-detector: From this score on. Default: `0.9`. Values: "
            "0 to 1.");
}

}  // namespace
}  // namespace mlguard::rag
