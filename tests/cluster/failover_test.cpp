// Three instances as users type them: one leader, its death, a majority's death, who is let in.
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <limits>
#include <thread>

#include "base/time_format.h"
#include "cluster.h"
#include "e2e/live.h"
#include "support/http.h"

namespace mlguard::cluster {
namespace {

using etcd_client::Consistency;

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// A machine that is busy with other things may be late once, not three times in a row.
constexpr int kTries = 3;

class FirstLeaderTest : public ClusterTest {
 protected:
  // Between the first and the last that is ready: who comes late does not lead.
  std::int64_t started_apart_ms() {
    std::int64_t first_ms = std::numeric_limits<std::int64_t>::max();
    std::int64_t last_ms = 0;
    for (std::size_t i = 0; i < count(); ++i) {
      constexpr std::size_t kTimeChars = 24;
      const std::string log = at(i).log();
      const std::size_t ready = log.find(" info    ready ");
      if (ready == std::string::npos || ready < kTimeChars) return first_ms;
      const auto time_ms = base::parse_iso_time_ms(log.substr(ready - kTimeChars, kTimeChars));
      if (!time_ms.ok()) return first_ms;
      first_ms = std::min(first_ms, *time_ms);
      last_ms = std::max(last_ms, *time_ms);
    }
    return last_ms - first_ms;
  }
};

TEST_F(FirstLeaderTest, WithinTwoSecondsTheLowestPortLeadsAndAllSayTheSame) {
  constexpr std::int64_t kTogetherMs = 100;  // Less than what each waits for those before it.
  constexpr int kStartsMax = 30;
  int right = 0;
  int wrong = 0;
  // The first start counts; when something came in between, two more must be right.
  for (int i = 0; i < kStartsMax && right <= wrong && wrong < 2; ++i) {
    instances_.clear();
    ASSERT_NO_FATAL_FAILURE(start_instances(3));
    std::optional<std::size_t> led;
    support::wait_until([&] { return (led = leader()).has_value(); }, kLeaderWithinMs, 10);
    if (started_apart_ms() > kTogetherMs) continue;
    ++(led == 0U ? right : wrong);
  }
  ASSERT_GT(right, wrong);
  EXPECT_EQ(e2e::json_array_size(support::http_get(at(1).port(), "/status").body, "/peers"), 2U);
  EXPECT_EQ(status(1, "/role"), "follower");
}

TEST_F(ClusterTest, WithinTwoSecondsOfItsDeathTheLeaderIsReplaced) {
  start_instances(3);
  double took_ms = kLeaderWithinMs;
  for (int i = 0; i < kTries && took_ms >= kLeaderWithinMs; ++i) {
    const std::size_t first = wait_for_leader();
    ASSERT_LT(first, count());
    at(first).kill9();
    const support::Stopwatch watch;
    ASSERT_LT(wait_for_leader(), count());
    took_ms = watch.ms();
    start(first);
    expect_agreement();
  }
  EXPECT_LT(took_ms, kLeaderWithinMs);
}

TEST_F(ClusterTest, KilledTheLeaderIsReplacedWritesGoOnEverywhereAndItComesBackAsFollower) {
  start_instances(3);
  const std::size_t first = wait_for_leader();
  ASSERT_LT(first, count());
  ASSERT_TRUE(client(2)->put_config("sniffer", document_of("before")).ok());
  at(first).kill9();
  const std::size_t second = wait_for_leader();
  ASSERT_LT(second, count());
  EXPECT_NE(second, first);
  for (std::size_t i = 0; i < count(); ++i) {
    if (i == first) continue;
    const auto put = client(i)->put_config("sniffer", document_of("through " + std::to_string(i)));
    EXPECT_TRUE(put.ok()) << put.error().message;
    const auto read = client(i)->get_config("sniffer");
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(value_of(read->document), "through " + std::to_string(i));
  }
  start(first);
  expect_agreement();
  // Nothing flaps: some election timeouts later all is as it was.
  bool flapped = true;
  for (int i = 0; i < kTries && flapped; ++i) {
    const std::size_t before = wait_for_leader();
    ASSERT_LT(before, count());
    const std::string term = status(before, "/term");
    std::this_thread::sleep_for(std::chrono::milliseconds(kLeaderWithinMs));
    flapped = leader() != before || status(before, "/term") != term;
  }
  EXPECT_FALSE(flapped);
}

TEST_F(ClusterTest, WithoutAMajorityNothingIsAcknowledgedAndLocalReadsSayHowOldTheyAre) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  ASSERT_TRUE(client(0)->put_config("sniffer", document_of("kept")).ok());
  expect_agreement();
  at(0).kill9();
  at(1).kill9();
  ASSERT_TRUE(support::wait_until([&] { return status(2, "/leader").empty(); }, kSettledWithinMs));
  // Where the deadline cuts an attempt off, nobody can know what came of it.
  base::Error refusal;
  for (int i = 0; i < 10 && refusal.code != base::ErrorCode::unavailable; ++i) {
    const auto refused =
        client(2, Consistency::linearizable, 1'500)->put_config("sniffer", document_of("lost"));
    ASSERT_FALSE(refused.ok());
    refusal = refused.error();
  }
  EXPECT_EQ(refusal.code, base::ErrorCode::unavailable) << refusal.message;
  EXPECT_FALSE(client(2, Consistency::linearizable, 1'500)->get_config("sniffer").ok());
  const auto local =
      client(2, Consistency::local)->call({"GET", "/v1/config/sniffer?consistency=local", "", {}});
  ASSERT_TRUE(local.ok()) << local.error().message;
  EXPECT_EQ(value_of(local->body), "kept");
  const bool says_age = std::any_of(local->fields.begin(), local->fields.end(), [](const auto& f) {
    return f.first == "age-ms" && std::stoll(f.second) > 0;
  });
  EXPECT_TRUE(says_age);
  start(0);
  wait_for_leader();
  const auto read = client(2)->get_config("sniffer");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(value_of(read->document), "kept");
}

TEST_F(ClusterTest, AClientThatKnowsOneInstanceGoesOnWhenThatOneDies) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  const auto operator_ = client(0);
  ASSERT_TRUE(operator_->put_config("sniffer", document_of("1")).ok());
  at(0).kill9();
  const auto put = operator_->put_config("sniffer", document_of("2"));
  EXPECT_TRUE(put.ok()) << put.error().message;
}

TEST_F(ClusterTest, AnIdleFollowerAsksOnceInFiveSecondsAndIsWokenByAWrite) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  expect_agreement();
  const auto fetches = [&] {
    const std::string body = support::http_get(at(1).port(), "/metrics").body;
    const std::string name = "mlguard_peer_requests_total{kind=\"fetch\"} ";
    const std::size_t found = body.find(name);
    return found == std::string::npos ? -1 : std::stoi(body.substr(found + name.size()));
  };
  const int before = fetches();
  ASSERT_GE(before, 0) << support::http_get(at(1).port(), "/metrics").body.substr(0, 2'000);
  std::this_thread::sleep_for(std::chrono::milliseconds(11'000));
  const int idle = fetches() - before;
  EXPECT_GE(idle, 1);
  EXPECT_LE(idle, 6);  // Two or three, and what the leader writes of its own.
  // One that is not woken would have each of these writes only with its next question.
  const auto writes = client(0);
  const auto reads = client(1, Consistency::local);
  constexpr int kWrites = 5;
  const support::Stopwatch watch;
  for (int i = 0; i < kWrites; ++i) {
    const std::string value = "woken " + std::to_string(i);
    ASSERT_TRUE(writes->put_config("sniffer", document_of(value)).ok());
    EXPECT_TRUE(support::wait_until(
        [&] {
          const auto read = reads->get_config("sniffer");
          return read.ok() && value_of(read->document) == value;
        },
        kSettledWithinMs, 2));
  }
  EXPECT_LT(watch.ms(), 10'000);
}

TEST_F(ClusterTest, LeadershipIsHandedOverOnRequest) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  const auto done = ml_guard(1, {"leader", "transfer", at(2).endpoint()});
  EXPECT_EQ(done.exit.code, 0) << done.out << done.err;
  EXPECT_TRUE(support::wait_until([&] { return leader() == 2U; }, kSettledWithinMs));
  const auto members = ml_guard(1, {"members"});
  EXPECT_EQ(members.exit.code, 0) << members.err;
  for (std::size_t i = 0; i < count(); ++i) EXPECT_TRUE(contains(members.out, at(i).endpoint()));
  const auto verified = ml_guard(0, {"verify"});
  EXPECT_EQ(verified.exit.code, 0) << verified.out << verified.err;
}

TEST_F(ClusterTest, AStoppedLeaderHandsTheLeadOverBeforeItEnds) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  ASSERT_TRUE(client(1)->put_config("sniffer", document_of("before")).ok());
  const auto exit = at(0).terminate();
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->text(), "exit 0");
  // Its end was not what made the next one lead: that one did by then.
  EXPECT_TRUE(status(1, "/role") == "leader" || status(2, "/role") == "leader");
  const std::size_t next = wait_for_leader();
  EXPECT_NE(next, 0U);
  start(0);
  expect_agreement();
  EXPECT_TRUE(support::wait_until([&] { return leader() == next; }, kSettledWithinMs));
}

TEST_F(ClusterTest, AMemberIsLetInCatchesUpVotesAndIsTakenOutAgain) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  ASSERT_TRUE(client(0)->put_config("sniffer", document_of("before it came")).ok());
  support::ServerSettings settings;
  settings.state_folder = folder_.path();
  settings.flags = {"--join", "--peers", at(0).endpoint() + "," + at(1).endpoint()};
  instances_.push_back(std::make_unique<support::ServerProcess>(settings));
  start(3);
  const auto added = ml_guard(1, {"member", "add", at(3).endpoint()});
  ASSERT_EQ(added.exit.code, 0) << added.out << added.err;
  const auto votes = [&] {
    const auto members = ml_guard(0, {"members", "-o", "json"});
    const std::string all = e2e::json_at(members.out, "");
    return contains(all, at(3).endpoint()) && !contains(all, "learner");
  };
  EXPECT_TRUE(support::wait_until(votes, kSettledWithinMs, 200));
  expect_agreement();
  const auto removed = ml_guard(1, {"member", "remove", at(3).endpoint(), "--yes"});
  ASSERT_EQ(removed.exit.code, 0) << removed.out << removed.err;
  EXPECT_FALSE(contains(ml_guard(0, {"members"}).out, at(3).endpoint()));
}

TEST_F(ClusterTest, AnInstanceOfAnotherClusterIsRefusedAndHarmsNobody) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  const support::TempDir elsewhere;
  support::ServerSettings settings;
  settings.state_folder = elsewhere.path();
  settings.flags = {"--peers", at(0).endpoint() + "," + at(1).endpoint()};
  support::ServerProcess stranger(settings);
  ASSERT_TRUE(stranger.start().ok());
  EXPECT_TRUE(
      support::wait_until([&] { return contains(stranger.log(), "a peer cannot be talked to"); },
                          kSettledWithinMs, 50));
  EXPECT_TRUE(support::wait_until([&] { return leader() == 0U; }, kSettledWithinMs));
  EXPECT_TRUE(client(1)->put_config("sniffer", document_of("well")).ok());
}

TEST_F(ClusterTest, WhatAnOldLeaderAloneHeldIsMergedAndBothStoriesAreTold) {
  start_instances(3);
  ASSERT_NO_FATAL_FAILURE(have_first_lead());
  ASSERT_TRUE(client(0)->put_config("firewall", document_of("common")).ok());
  expect_agreement();
  etcd_client::ClientOptions options;
  options.endpoints = {at(0).endpoint()};
  options.credential_path = at(0).operator_key();
  options.discovery = etcd_client::Discovery::fixed;
  options.writes = etcd_client::Ack::leader;
  auto alone = etcd_client::Client::open(options);
  ASSERT_TRUE(alone.ok());
  ASSERT_TRUE((*alone)->get_config("firewall").ok());  // It has its session: it must be quick now.
  // Nobody hears the leader any more; what it acknowledges alone now is its own story.
  at(1).process().signal(SIGSTOP);
  at(2).process().signal(SIGSTOP);
  ASSERT_TRUE((*alone)->put_config("sniffer", document_of("only here")).ok());
  ASSERT_TRUE((*alone)->put_config("firewall", document_of("old leader")).ok());
  at(0).kill9();
  at(1).process().signal(SIGCONT);
  at(2).process().signal(SIGCONT);
  wait_for_leader();
  ASSERT_TRUE(client(1)->put_config("firewall", document_of("new leader")).ok());
  start(0);
  const auto merged = [&] {
    const auto read = client(2)->get_config("sniffer");
    return read.ok() && value_of(read->document) == "only here";
  };
  EXPECT_TRUE(support::wait_until(merged, kSettledWithinMs, 100));
  const auto later = client(0)->get_config("firewall");
  ASSERT_TRUE(later.ok()) << later.error().message;
  EXPECT_EQ(value_of(later->document), "new leader");
  expect_agreement();
  const auto conflicts = ml_guard(1, {"conflicts"});
  EXPECT_EQ(conflicts.exit.code, 0) << conflicts.err;
  EXPECT_TRUE(contains(conflicts.out, "old leader")) << conflicts.out;
  EXPECT_EQ(ml_guard(2, {"verify"}).exit.code, 0);
}

}  // namespace
}  // namespace mlguard::cluster
