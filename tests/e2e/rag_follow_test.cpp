// rag's index beside a real etcd-server, with rag's own credential: it follows what operators and
// agents do, goes on where it stopped, notices a restored state, and survives kill -9.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <set>

#include "live.h"
#include "rag/api_state.h"
#include "rag/follower.h"

namespace mlguard::e2e {
namespace {

using rag::Filter;
using rag::Index;
using rag::Record;
using rag::Table;

constexpr std::int64_t kSyncMs = 60'000;

class RagFollowTest : public LiveServerTest {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(start());
    enrol(base::Role::rag, "rag");
    operator_ = operator_client();
    ASSERT_NE(operator_, nullptr);
  }
  std::string index_path() const { return folder_ / "index.db"; }

  // A follower as rag has one; the index stays open in index_.
  rag::SyncReport sync(const std::string& path) {
    const auto client = open_client(credential_path("rag"), server_.endpoint());
    index_.reset();
    auto opened = Index::open(path);
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message);
    index_ = std::move(*opened);
    const auto source = rag::make_api_state(*client);
    rag::Follower follower(*source, *index_, clock_);
    const auto report = follower.sync(clock_.monotonic_ms() + kSyncMs);
    EXPECT_TRUE(report.ok()) << (report.ok() ? "" : report.error().message);
    return report.ok() ? *report : rag::SyncReport{};
  }
  std::vector<Record> all(Table table) {
    Filter filter;
    filter.tables = {table};
    filter.limit = rag::kFindMax;
    const auto found = index_->find(filter);
    EXPECT_TRUE(found.ok());
    return *found;
  }
  // Everything up to that revision that does not change by itself.
  std::set<std::string> content(std::uint64_t revision) {
    std::set<std::string> lines;
    for (const Table table : {Table::config, Table::config_version, Table::rule, Table::detection,
                              Table::audit, Table::change}) {
      for (const Record& record : all(table)) {
        if (record.revision > revision) continue;
        lines.insert(std::string(rag::to_string(table)) + " " + record.key + " " + record.text);
      }
    }
    return lines;
  }
  static void expect_same(const std::set<std::string>& one, const std::set<std::string>& other) {
    for (const std::string& line : one) EXPECT_EQ(other.count(line), 1u) << "only in one: " << line;
    for (const std::string& line : other) {
      EXPECT_EQ(one.count(line), 1u) << "only in the other: " << line;
    }
  }
  Record rule(const std::string& id) {
    Filter filter;
    filter.tables = {Table::rule};
    filter.key = id;
    const auto found = index_->find(filter);
    return found.ok() && !found->empty() ? found->front() : Record();
  }
  void put_rules(int from, int count) {
    std::vector<base::Rule> rules;
    for (int number = from; number < from + count; ++number) {
      rules.push_back(rule_of(
          "r-" + std::to_string(number),
          "10." + std::to_string(number / 250) + "." + std::to_string(number % 250) + ".1"));
    }
    ASSERT_TRUE(operator_->put_rules(rules).ok());
  }

  base::SystemClock clock_;
  std::unique_ptr<etcd_client::Client> operator_;
  std::unique_ptr<Index> index_;
};

TEST_F(RagFollowTest, WhatIsDoneIsThereAfterTheNextSync) {
  ASSERT_TRUE(
      operator_->put_config("sniffer", R"({"flow":{"flows_max":1}})", {"why not", {}, {}}).ok());
  put_rules(1, 2);
  EXPECT_TRUE(sync(index_path()).rebuilt);
  EXPECT_EQ(all(Table::config).size(), 1u);
  EXPECT_EQ(all(Table::rule).size(), 2u);

  ASSERT_TRUE(operator_->put_config("sniffer", R"({"flow":{"flows_max":2}})").ok());
  ASSERT_TRUE(operator_->remove_rule("r-1").ok());
  base::Detection detection;
  detection.id = "d-1";
  detection.kind = "portscan";
  detection.source_ip = "192.0.2.7";
  detection.score = 0.9;
  detection.detail = R"({"by":"port_scan","reasons":[{"what":"ports","value":60,"limit":20}]})";
  ASSERT_TRUE(
      agent_client(base::Role::ml_detector, "ml-detector")->put_detections({detection}).ok());
  const rag::SyncReport report = sync(index_path());
  EXPECT_FALSE(report.rebuilt);
  EXPECT_GT(report.revision, 0u);
  EXPECT_EQ(all(Table::config).size(), 2u);
  EXPECT_NE(rule("r-1").related, "");
  EXPECT_EQ(rule("r-2").related, "");
  ASSERT_EQ(all(Table::detection).size(), 1u);
  EXPECT_NE(all(Table::detection)[0].text.find("Because ports was 60"), std::string::npos);
  EXPECT_FALSE(all(Table::audit).empty());
  EXPECT_FALSE(all(Table::change).empty());
}

TEST_F(RagFollowTest, FollowingAndBeginningAnewTellTheSame) {
  for (int round = 0; round < 4; ++round) {
    ASSERT_TRUE(operator_->put_config("sniffer", R"({"a":)" + std::to_string(round) + "}").ok());
    put_rules(round * 3, 3);
    sync(index_path());
    ASSERT_TRUE(operator_->remove_rule("r-" + std::to_string(round * 3)).ok());
    if (round == 2) {
      ASSERT_TRUE(operator_->delete_config("sniffer").ok());
    }
    sync(index_path());
  }
  // Rules put three at a time are named in the trail, but not what they were: one that is gone is
  // known only to who followed.
  EXPECT_EQ(all(Table::rule).size(), 12u);
  for (const Record& one : all(Table::rule)) {
    if (one.related.empty()) continue;
    ASSERT_TRUE(index_->remove(Table::rule, {one.key}).ok());
  }
  const std::uint64_t revision = index_->revision();
  const std::set<std::string> followed = content(revision);
  EXPECT_TRUE(sync(folder_ / "fresh.db").rebuilt);
  expect_same(content(revision), followed);
}

TEST_F(RagFollowTest, ARestoredStateIsNoticed) {
  put_rules(1, 1);
  ASSERT_TRUE(server_.terminate().has_value());
  const std::string kept = folder_ / "kept";
  std::filesystem::copy(server_.data_dir(), kept, std::filesystem::copy_options::recursive);
  ASSERT_NO_FATAL_FAILURE(start());
  operator_ = operator_client();
  put_rules(2, 1);
  sync(index_path());
  EXPECT_EQ(all(Table::rule).size(), 2u);

  ASSERT_TRUE(server_.terminate().has_value());
  std::filesystem::remove_all(server_.data_dir());
  std::filesystem::copy(kept, server_.data_dir(), std::filesystem::copy_options::recursive);
  ASSERT_NO_FATAL_FAILURE(start());
  operator_ = operator_client();
  // Beyond where the index was, with another history.
  for (int number = 10; number < 20; ++number) put_rules(number, 1);
  EXPECT_TRUE(sync(index_path()).rebuilt);
  EXPECT_EQ(rule("r-2").key, "");
  EXPECT_EQ(rule("r-1").key, "r-1");
  EXPECT_EQ(all(Table::rule).size(), 11u);
}

TEST_F(RagFollowTest, KilledAtAnyMomentItGoesOnWithTheWholeTruth) {
  constexpr int kKills = 8;
  constexpr int kRulesAtOnce = 500;
  put_rules(0, kRulesAtOnce);
  for (int round = 1; round <= kKills; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      const auto client = open_client(credential_path("rag"), server_.endpoint());
      auto opened = Index::open(index_path());
      if (!opened.ok()) _exit(1);
      const auto source = rag::make_api_state(*client);
      rag::Follower follower(*source, **opened, clock_);
      for (;;) {
        if (round % 2 == 0) (void)(*opened)->clear();
        (void)follower.sync(clock_.monotonic_ms() + kSyncMs);
      }
    }
    put_rules(round * kRulesAtOnce, kRulesAtOnce);
    usleep(static_cast<useconds_t>(20'000 * round));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
  }
  sync(index_path());
  EXPECT_EQ(all(Table::rule).size(), static_cast<std::size_t>((kKills + 1) * kRulesAtOnce));
  const std::uint64_t revision = index_->revision();
  const std::set<std::string> survived = content(revision);
  sync(folder_ / "fresh.db");
  expect_same(content(revision), survived);
}

}  // namespace
}  // namespace mlguard::e2e
