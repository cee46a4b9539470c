// What tests of the replicated store share: stores that follow, part and merge, and a look at what
// lost. Not for sharing between threads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "db/merge.h"
#include "db/verify.h"
#include "tests/unit/db/core_fixture.h"

namespace mlguard::db::test {

class ClusterTest : public CoreTest {
 protected:
  // Applies what `from` has and `to` lacks.
  static void follow(SqliteStore& to, SqliteStore& from) {
    for (const LogEntry& entry : tail_of(from, to.state().revision)) {
      const base::Status applied = apply(to, entry);
      ASSERT_TRUE(applied.ok()) << applied.error().message;
    }
    EXPECT_EQ(to.state().digest, from.state().digest);
    EXPECT_EQ(to.state().state_digest, from.state().state_digest);
  }
  static std::vector<LogEntry> tail_of(SqliteStore& store, std::uint64_t after) {
    auto entries = store.entries(after, UINT64_MAX, 10'000, 1U << 30);
    EXPECT_TRUE(entries.ok()) << entries.error().message;
    return std::move(entries).value();
  }
  // What `from` wrote after `common`, merged into `to` in a group of its own.
  static MergeReport merge(SqliteStore& to, SqliteStore& from, std::uint64_t common) {
    return merge_entries(to, tail_of(from, common), common);
  }
  static MergeReport merge_entries(SqliteStore& to, std::vector<LogEntry> tail,
                                   std::uint64_t common) {
    EXPECT_TRUE(to.begin_group().ok());
    const auto report = to.merge({common, "other:2380", std::move(tail)});
    EXPECT_TRUE(report.ok()) << report.error().message;
    EXPECT_TRUE(to.commit_group().ok());
    expect_sound(to);
    return report.ok() ? *report : MergeReport();
  }
  // The kept totals, the chain and the rows agree.
  static void expect_sound(SqliteStore& store) {
    EXPECT_EQ(verify_state(store.connection()).problems, std::vector<std::string>{});
  }
  // "table key reason" of every loser but audit records, in that order.
  static std::vector<std::string> losers(SqliteStore& store) {
    std::vector<std::string> found;
    Query row = store.connection().query(
        "SELECT table_name || ' ' || row_key || ' ' || reason FROM conflict WHERE table_name <> "
        "'audit' ORDER BY 1");
    while (row.step()) found.push_back(row.text(0));
    return found;
  }
  static std::string text(SqliteStore& store, const std::string& sql) {
    return store.connection().text_of(sql);
  }
  static std::string cidr_of(SqliteStore& store, const std::string& rule) {
    return text(store, "SELECT cidr FROM rule WHERE deleted = 0 AND id = '" + rule + "'");
  }
  static void put_rule(SqliteStore& store, const std::string& id, const std::string& cidr,
                       const std::string& request_id = "") {
    const auto result = write(store, PutRules{{rule_for(cidr, id)}}, request_id);
    ASSERT_TRUE(result.ok()) << result.error().message;
  }
};

// A leader and another node that followed it up to `common_` and is then cut off.
class PartedTest : public ClusterTest {
 protected:
  PartedTest() : leader_(make_store("aaaa")), other_(make_store("bbbb")) {
    put_rule(*leader_, "shared", "10.0.0.1/32");
    EXPECT_TRUE(put(*leader_, "sniffer", "{\"v\":1}").ok());
    part();
  }
  void part() {
    follow(*other_, *leader_);
    common_ = leader_->state().revision;
    clock_.advance_ms(10);
  }
  MergeReport merge_other() { return merge(*leader_, *other_, common_); }
  // What has merged is merged: again it changes nothing, and followers come to the same rows.
  void expect_settled() {
    const std::uint64_t revision = leader_->state().revision;
    const MergeReport again = merge_other();
    EXPECT_EQ(again.entries_appended, 0U);
    EXPECT_EQ(again.revision, revision);
    const auto follower = make_store("cccc");
    follow(*follower, *leader_);
    expect_sound(*follower);
  }

  std::unique_ptr<SqliteStore> leader_;
  std::unique_ptr<SqliteStore> other_;
  std::uint64_t common_ = 0;
};

}  // namespace mlguard::db::test
