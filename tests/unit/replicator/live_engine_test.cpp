// The threaded engine: order of watches, leases, a second opener, damaged files, kill -9.
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <thread>

#include "db/connection.h"
#include "support/wait_until.h"
#include "tests/unit/replicator/engine_fixture.h"

namespace mlguard::db::test {
namespace {

constexpr std::int64_t kMaintainedWithinMs = 1'000;

TEST_F(EngineTest, WatchesHearEveryChangeOnceAndInOrder) {
  std::mutex mutex;
  std::vector<std::uint64_t> heard;
  auto watch = engine_->watch([&](const std::vector<base::Change>& changes) {
    const std::lock_guard lock(mutex);
    for (const base::Change& change : changes) heard.push_back(change.revision);
  });
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([this] {
      for (int i = 0; i < 50; ++i) EXPECT_TRUE(put("sniffer", "{}").ok());
    });
  }
  for (std::thread& writer : writers) writer.join();
  ASSERT_TRUE(support::wait_until([&] {
    const std::lock_guard lock(mutex);
    return heard.size() == 200;
  }));
  for (std::size_t i = 0; i < heard.size(); ++i) EXPECT_EQ(heard[i], start_ + i + 1);
  watch.reset();
  ASSERT_TRUE(put("sniffer", "{}").ok());
  EXPECT_EQ(heard.size(), 200U);
  expect_sound();
}

TEST_F(EngineTest, AReaderKeepsSeeingTheStateItBeganWith) {
  ASSERT_TRUE(put("sniffer", "{\"a\":1}").ok());
  const auto before = read();
  ASSERT_TRUE(put("sniffer", "{\"a\":2}").ok());
  EXPECT_EQ(before->revision(), start_ + 1);
  EXPECT_EQ(before->config("sniffer")->version, 1U);
  EXPECT_EQ(read()->config("sniffer")->version, 2U);
}

TEST_F(EngineTest, LeasesAreRenewedInMemoryFlushedAndFoundAgain) {
  const auto component = component_named("sniffer");
  EXPECT_EQ(reason_of(engine_->renew_lease(beat_of(component))), "unknown_component");
  ASSERT_TRUE(write(RegisterComponent{component}).ok());
  ASSERT_TRUE(engine_->renew_lease(beat_of(component, 3)).ok());
  EXPECT_EQ(reason_of(engine_->renew_lease(beat_of(component_named("sniffer", "two")))),
            "other_instance");
  EXPECT_EQ(engine_->leases().at(0).last.seq, 3U);
  clock_.advance_ms(kLeaseFlushMs);
  ASSERT_TRUE(support::wait_until([this] { return engine_->status().revision == start_ + 2; }));
  open();
  ASSERT_EQ(engine_->leases().size(), 1U);
  EXPECT_EQ(engine_->leases()[0].last.seq, 3U);
  expect_sound();
}

TEST_F(EngineTest, StoppingFlushesLeasesAndRefusesLaterWrites) {
  const auto component = component_named("sniffer");
  ASSERT_TRUE(write(RegisterComponent{component}).ok());
  ASSERT_TRUE(engine_->renew_lease(beat_of(component, 9)).ok());
  engine_->stop();
  engine_->stop();
  EXPECT_EQ(reason_of(put("sniffer", "{}")), "shutting_down");
  open();
  EXPECT_EQ(engine_->leases().at(0).last.seq, 9U);
}

TEST_F(EngineTest, ASecondOpenerIsRefusedAndTheHolderNamed) {
  const auto second = support::open_alone(options_, clock_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().reason, "data_dir_in_use");
  EXPECT_NE(second.error().message.find(std::to_string(::getpid())), std::string::npos);
}

TEST_F(EngineTest, ExpiredRulesGoByThemselvesAndTheStreamSaysSo) {
  base::Rule rule = rule_for("10.0.0.1", "r1");
  rule.expires_at_ms = clock_.wall_ms() + 500;
  ASSERT_TRUE(write(PutRules{{rule}}).ok());
  clock_.advance_ms(kMaintainedWithinMs);
  ASSERT_TRUE(support::wait_until([this] { return engine_->status().revision == start_ + 2; }));
  const auto delta = read()->rules_since(start_ + 1);
  ASSERT_TRUE(delta.ok());
  EXPECT_FALSE(delta->full);
  EXPECT_EQ(delta->removed, std::vector<std::string>{"r1"});
  EXPECT_EQ(delta->digest, base::rule_set_digest({}));

  clock_.advance_ms(options_.retention.tombstone_ms + kMaintainedWithinMs);
  ASSERT_TRUE(support::wait_until([this] { return engine_->status().revision == start_ + 3; }));
  EXPECT_TRUE(read()->rules_since(start_ + 1)->full);
  expect_sound();
}

TEST_F(EngineTest, ABackupIsAWholeStoreAtOneRevision) {
  ASSERT_TRUE(put("sniffer", "{}").ok());
  const std::string path = dir_ / "copy.db";
  const auto revision = engine_->backup_to(path);
  ASSERT_TRUE(revision.ok()) << revision.error().message;
  EXPECT_EQ(*revision, start_ + 1);
  EXPECT_EQ(reason_of(engine_->backup_to(path)), "exists");
  const std::string state_digest = engine_->status().state_digest;
  options_.folder = dir_ / "restored";
  ASSERT_EQ(::mkdir(options_.folder.c_str(), 0700), 0);
  ASSERT_EQ(::rename(path.c_str(), (options_.folder + "/control.db").c_str()), 0);
  open();
  EXPECT_EQ(engine_->status().state_digest, state_digest);
  expect_sound();
}

TEST_F(EngineTest, ADamagedFileIsNamedAndRefused) {
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(put("sniffer", "{}").ok());
  engine_.reset();
  const std::string path = options_.folder + "/control.db";
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 1; page < 20; ++page) {
      file.seekp(page * 4096 + 8);
      file << std::string(64, '\xee');
    }
  }
  const auto opened = support::open_alone(options_, clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().reason, "database_corrupt");
  EXPECT_NE(opened.error().message.find(path), std::string::npos);
}

TEST_F(EngineTest, VerifyNoticesARowChangedBehindTheServersBack) {
  ASSERT_TRUE(write(PutRules{{rule_for("10.0.0.1", "r1")}}).ok());
  Connection(options_.folder + "/control.db", OpenMode::create, 1000)
      .execute("UPDATE rule SET cidr = '10.9.9.9/32'");
  const auto report = engine_->verify();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problems.size(), 2U);
}

TEST_F(EngineTest, AFileOfANewerReleaseAndAForeignDatabaseAreRefused) {
  engine_.reset();
  const std::string path = options_.folder + "/control.db";
  Connection(path, OpenMode::create, 1000).execute("PRAGMA user_version = 9999");
  EXPECT_EQ(reason_of(support::open_alone(options_, clock_)), "schema_too_new");
  Connection(path, OpenMode::create, 1000).execute("PRAGMA application_id = 1");
  EXPECT_EQ(reason_of(support::open_alone(options_, clock_)), "foreign_database");
}

TEST_F(EngineTest, ARepeatedRequestIsKnownAfterReopening) {
  const auto first = write(PutConfig{"sniffer", "{}", "", {}}, "session:1");
  open();
  const auto again = write(PutConfig{"sniffer", "{}", "", {}}, "session:1");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->replayed);
  EXPECT_EQ(again->version, first->version);
}

// The child writes and says each acknowledged revision on the pipe until it is killed.
[[noreturn]] void write_until_killed(const std::string& folder, int pipe) {
  base::SystemClock clock;
  auto engine = support::open_alone({folder, {}}, clock);
  if (!engine.ok()) ::_exit(1);
  std::vector<std::thread> writers;
  for (int t = 0; t < 4; ++t) {
    writers.emplace_back([&engine, pipe] {
      for (;;) {
        const auto result = transact_and_wait(
            **engine, Write{PutConfig{"sniffer", "{\"n\":1}", "", {}}, "operator", ""});
        const std::uint64_t version = result.ok() ? result->version : 0;
        if (::write(pipe, &version, sizeof version) != sizeof version) ::_exit(1);
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  ::_exit(1);
}

TEST(CrashTest, EveryAcknowledgedWriteSurvivesAKill) {
  const char* wanted = std::getenv("MLGUARD_ROUNDS");
  const int rounds = wanted != nullptr ? std::atoi(wanted) : 3;
  const support::TempDir dir;
  const std::string folder = dir / "data";
  std::uint64_t highest = 0;
  for (int round = 0; round < rounds; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) write_until_killed(folder, pipe[1]);
    ::close(pipe[1]);
    // A different number of acknowledgements each round, so that the kill falls anywhere.
    std::uint64_t version = 0;
    for (int acks = 20 + round * 37 % 101; acks > 0; --acks) {
      ASSERT_EQ(::read(pipe[0], &version, sizeof version), ssize_t{sizeof version});
      ASSERT_GT(version, 0U);
      highest = std::max(highest, version);
    }
    ::kill(child, SIGKILL);
    while (::read(pipe[0], &version, sizeof version) == ssize_t{sizeof version}) {
      highest = std::max(highest, version);
    }
    ::close(pipe[0]);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);

    base::SystemClock clock;
    const auto engine = support::open_alone({folder, {}}, clock);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    const auto report = (*engine)->verify();
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->problems, std::vector<std::string>{});
    EXPECT_GE((*(*engine)->read())->config("sniffer")->version, highest);
  }
}

}  // namespace
}  // namespace mlguard::db::test
