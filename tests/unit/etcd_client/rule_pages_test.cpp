// Rule sets that come in pages.
#include <atomic>
#include <map>

#include "client_fixture.h"

namespace mlguard::test {
namespace {

constexpr std::size_t kPageRules = 10;

base::Rule make_rule(const std::string& id, std::int64_t expires_at_ms = 0) {
  base::Rule rule;
  rule.id = id;
  rule.cidr = "10.0.0.5/32";
  rule.reason = "test";
  rule.source = "operator";
  rule.expires_at_ms = expires_at_ms;
  return rule;
}

std::string rule_id(int number) { return "r" + std::to_string(1'000 + number); }

class RulePagesTest : public ClientFixture {
 protected:
  RulePagesTest() {
    for (int i = 0; i < 35; ++i) rules_[rule_id(i)] = make_rule(rule_id(i));
    add_server([this](const FakeRequest& request) { return answer(request); });
  }

  base::Result<base::RuleSet> fetch() { return open()->rules_since(0, milliseconds(0)); }

  std::vector<base::Rule> all_rules() const {
    std::vector<base::Rule> all;
    for (const auto& [id, rule] : rules_) all.push_back(rule);
    return all;
  }

  FakeAnswer answer(const FakeRequest& request) {
    ++requests_;
    base::RuleSet set =
        request.target.find("after=0") != std::string::npos ? page(request.target) : difference_;
    set.revision = revision_;
    set.digest = base::rule_set_digest(all_rules());
    FakeAnswer answer;
    answer.message.body = wire::encode(set);
    if (change_after_ == requests_) change();
    if (changes_always_) ++revision_;
    return answer;
  }

  base::RuleSet page(const std::string& target) const {
    base::RuleSet set;
    const std::size_t at = target.find("after_id=");
    const std::string after = at == std::string::npos ? "" : target.substr(at + 9);
    for (auto rule = rules_.upper_bound(after); rule != rules_.end(); ++rule) {
      if (set.rules.size() == kPageRules) {
        set.next_id = set.rules.back().id;
        break;
      }
      set.rules.push_back(rule->second);
    }
    return set;
  }

  // One rule more, one changed, one removed: each on a page that may have been read already.
  void change() {
    ++revision_;
    rules_["a-new"] = make_rule("a-new");
    rules_[rule_id(1)] = make_rule(rule_id(1), 2'000'000'000'000);
    rules_.erase(rule_id(2));
    difference_.full = false;
    difference_.rules = {rules_["a-new"], rules_[rule_id(1)]};
    difference_.removed = {rule_id(2)};
  }

  std::map<std::string, base::Rule> rules_;
  base::RuleSet difference_;
  std::atomic<std::uint64_t> revision_ = 50;
  std::atomic<int> requests_ = 0;
  int change_after_ = -1;
  bool changes_always_ = false;
};

TEST_F(RulePagesTest, PagesAreJoinedToOneSet) {
  const auto set = fetch();
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_TRUE(set->full);
  EXPECT_EQ(set->rules.size(), 35U);
  EXPECT_TRUE(set->next_id.empty());
  EXPECT_EQ(base::rule_set_digest(set->rules), set->digest);
  EXPECT_EQ(requests_, 4);
}

TEST_F(RulePagesTest, AChangeBetweenTwoPagesIsCaughtUp) {
  change_after_ = 2;
  const auto set = fetch();
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_TRUE(set->full);
  EXPECT_EQ(set->revision, 51U);
  EXPECT_EQ(set->rules.size(), 35U) << "one more, one less";
  EXPECT_EQ(base::rule_set_digest(set->rules), base::rule_set_digest(all_rules()));
}

// Whatever else is written while pages are read moves the revision: registrations, for one.
TEST_F(RulePagesTest, ARevisionThatMovesWithoutRulesNeedsNothingMore) {
  difference_.full = false;
  changes_always_ = true;
  const auto set = fetch();
  ASSERT_TRUE(set.ok()) << set.error().message;
  EXPECT_EQ(set->rules.size(), 35U);
  EXPECT_EQ(base::rule_set_digest(set->rules), set->digest);
  EXPECT_EQ(requests_, 5) << "four pages, and the difference to the last one";
}

TEST_F(RulePagesTest, RulesThatNeverRestEndInAClearError) {
  difference_.full = true;
  changes_always_ = true;
  const auto set = fetch();
  ASSERT_FALSE(set.ok());
  EXPECT_EQ(set.error().reason, "rules_moved");
}

}  // namespace
}  // namespace mlguard::test
