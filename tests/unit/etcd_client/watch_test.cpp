// Watches: catching up, interruption, the end of the Client.
#include <atomic>
#include <condition_variable>
#include <mutex>

#include "client_fixture.h"
#include "support/wait_until.h"

namespace mlguard::test {
namespace {

constexpr int kLongPollHoldMs = 20'000;
constexpr milliseconds kPatience{30'000};
// "At once" is far from the end of a long poll or of a pause, and not so near to nothing that a
// busy machine would miss it.
constexpr std::int64_t kAtOnceMs = 2'000;

// What callbacks have seen; waits for them.
template <class Seen>
class Collected {
 public:
  void add(Seen seen) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(seen));
    changed_.notify_all();
  }
  // All that came, as soon as there are `count` of them, or when patience is over.
  std::vector<Seen> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return all_.size() >= count; });
    return all_;
  }
  // Whether that is the last that came, soon.
  bool wait_for_last(const Seen& seen) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return !all_.empty() && all_.back() == seen; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Seen> all_;
};

// A server with one configuration and one rule set, held at a revision.
class WatchTest : public ClientFixture {
 protected:
  FakeServer& add_state_server() {
    return add_server([this](const FakeRequest& request) { return answer(request); });
  }

  void put_version(std::uint64_t version) {
    ++revision_;
    version_ = version;
    changed_at_ = revision_.load();
    for (const auto& server : servers_) server->release_holds();
  }

  FakeAnswer answer(const FakeRequest& request) {
    if (request.target.starts_with("/v1/config/")) return answer_config();
    const bool rules = request.target.starts_with("/v1/rules/stream");
    const std::size_t at = request.target.find("after=") + 6;
    const std::uint64_t after = std::stoull(request.target.substr(at));
    if (compacted_ && after != 0) {
      compacted_ = false;
      return error_answer({base::ErrorCode::conflict, "compacted", "the log was trimmed"});
    }
    for (int i = 0; i < kLongPollHoldMs / 100 && changed_at_ <= after; ++i) {
      ++waiting_;
      if (!servers_.front()->hold(100)) break;
    }
    return rules ? answer_rules(after) : answer_changes(after);
  }

  FakeAnswer answer_config() const {
    if (version_ == 0) return error_answer({base::ErrorCode::not_found, "no_config", "none"});
    FakeAnswer answer;
    answer.message.body = "{\"v\":" + std::to_string(version_) + "}";
    answer.message.fields = {{"version", std::to_string(version_)},
                             {"revision", std::to_string(revision_)}};
    return answer;
  }

  FakeAnswer answer_changes(std::uint64_t after) const {
    wire::ChangeList list;
    list.revision = revision_;
    if (changed_at_ > after) {
      base::Change change;
      change.revision = changed_at_;
      change.resource = "config/sniffer";
      list.changes.push_back(change);
    }
    FakeAnswer answer;
    answer.message.body = wire::encode(list);
    return answer;
  }

  FakeAnswer answer_rules(std::uint64_t after) const {
    base::RuleSet set;
    set.revision = revision_;
    set.full = after == 0;
    if (changed_at_ > after) {
      base::Rule rule;
      rule.id = "r" + std::to_string(changed_at_);
      rule.cidr = "10.0.0.5/32";
      set.rules.push_back(rule);
    }
    set.digest = "0000000000000000";
    FakeAnswer answer;
    answer.message.body = wire::encode(set);
    return answer;
  }

  void wait_until_a_poll_waits() const {
    ASSERT_TRUE(support::wait_until([this] { return waiting_ > 0; }));
  }

  std::atomic<std::uint64_t> revision_ = 10;
  std::atomic<std::uint64_t> version_ = 0;
  std::atomic<std::uint64_t> changed_at_ = 0;
  std::atomic<bool> compacted_ = false;
  std::atomic<int> waiting_ = 0;
};

TEST_F(WatchTest, TheActiveVersionComesAtOnceAndEveryLaterOneAsItIsPut) {
  add_state_server();
  put_version(3);
  const auto client = open();
  Collected<std::uint64_t> seen;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { seen.add(config.version); });
  EXPECT_EQ(seen.wait_for(1), std::vector<std::uint64_t>({3}));
  wait_until_a_poll_waits();
  put_version(4);
  EXPECT_EQ(seen.wait_for(2), std::vector<std::uint64_t>({3, 4}));
}

TEST_F(WatchTest, WithoutAConfigurationNothingIsCalledUntilThereIsOne) {
  add_state_server();
  const auto client = open();
  Collected<std::string> seen;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { seen.add(config.document); });
  wait_until_a_poll_waits();
  put_version(1);
  EXPECT_EQ(seen.wait_for(1), std::vector<std::string>({R"({"v":1})"}));
}

TEST_F(WatchTest, ChangesDuringAnOutageAreSeenAfterIt) {
  add_state_server();
  put_version(1);
  const auto client = open();
  Collected<std::uint64_t> seen;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { seen.add(config.version); });
  (void)seen.wait_for(1);
  wait_until_a_poll_waits();
  servers_.front()->inject(std::vector<Fault>(3, Fault::drop_before));
  put_version(2);
  put_version(3);
  EXPECT_TRUE(seen.wait_for_last(3)) << "with or without the one between";
}

TEST_F(WatchTest, ALogThatNoLongerReachesBackMeansReadingAnew) {
  add_state_server();
  put_version(1);
  const auto client = open();
  compacted_ = true;
  Collected<std::uint64_t> seen;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { seen.add(config.version); });
  (void)seen.wait_for(1);
  put_version(2);
  EXPECT_TRUE(seen.wait_for_last(2));
}

TEST_F(WatchTest, AStateRestoredToAnEarlierRevisionIsReadAnew) {
  add_state_server();
  revision_ = 1'000;
  put_version(7);
  const auto client = open();
  Collected<std::uint64_t> seen;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { seen.add(config.version); });
  (void)seen.wait_for(1);
  wait_until_a_poll_waits();
  revision_ = 20;
  version_ = 5;
  changed_at_ = 15;
  servers_.front()->inject({Fault::drop_before});
  servers_.front()->release_holds();
  // The hold ends only by its own limit in this fake: shorten it by making the poll stale.
  changed_at_ = 2'000;
  servers_.front()->release_holds();
  EXPECT_TRUE(seen.wait_for_last(5));
}

// Two instances of one state: what they have is set apart, to let one lag behind.
class LaggingTest : public ClientFixture {
 protected:
  // The servers answer from what stands here, so they have to end first.
  ~LaggingTest() override { servers_.clear(); }

  struct Instance {
    std::uint64_t revision = 0;
    std::uint64_t version = 0;
  };

  void add_two(Instance first, Instance second) {
    states_ = {first, second};
    for (std::size_t i = 0; i < states_.size(); ++i) {
      add_server([this, i](const FakeRequest& request) { return answer(i, request); });
    }
    introduce_all(servers_.front()->endpoint());
  }

  void set(std::size_t instance, Instance state) {
    const std::lock_guard lock(mutex_);
    states_[instance] = state;
  }

  FakeAnswer answer(std::size_t instance, const FakeRequest& request) {
    Instance state;
    {
      const std::lock_guard lock(mutex_);
      const bool local = request.target.find("consistency=local") != std::string::npos;
      state = states_[local ? instance : leading_.load()];
    }
    FakeAnswer answer;
    answer.message.fields = {{"version", std::to_string(state.version)},
                             {"revision", std::to_string(state.revision)}};
    const std::size_t at = request.target.find("after=");
    if (at == std::string::npos) {
      answer.message.body = "{}";
      return answer;
    }
    const std::uint64_t after = std::stoull(request.target.substr(at + 6));
    if (after == state.revision) servers_[instance]->hold(50);
    if (request.target.starts_with("/v1/rules/")) {
      base::RuleSet rules;
      rules.revision = state.revision;
      rules.full = after == 0 || after > state.revision;  // "from the future"
      rules.digest = "0000000000000000";
      answer.message.body = wire::encode(rules);
      return answer;
    }
    wire::ChangeList list;
    list.revision = state.revision;
    if (after > state.revision) {
      return error_answer({base::ErrorCode::not_found, "compacted", "ahead of this history"});
    }
    if (after < state.revision) list.changes.push_back({state.revision, 1, 1, "x", "config/c", ""});
    answer.message.body = wire::encode(list);
    return answer;
  }

  std::mutex mutex_;
  std::vector<Instance> states_;
  std::atomic<std::size_t> leading_ = 0;
};

TEST_F(LaggingTest, AWatchDoesNotGoBackWhenItMovesToAnInstanceThatLags) {
  add_two({100, 7}, {90, 6});
  const auto client = open();
  Collected<std::uint64_t> versions;
  Collected<std::uint64_t> rules;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { versions.add(config.version); });
  const auto stream =
      client->follow_rules(0, [&](const base::RuleSet& set) { rules.add(set.revision); });
  EXPECT_EQ(versions.wait_for(1), std::vector<std::uint64_t>({7}));
  EXPECT_EQ(rules.wait_for(1), std::vector<std::uint64_t>({100}));
  leading_ = 1;
  servers_.front()->inject(std::vector<Fault>(1'000, Fault::unavailable));
  servers_.back()->inject(std::vector<Fault>(3, Fault::unavailable));
  std::this_thread::sleep_for(milliseconds(300));
  set(1, {120, 8});
  EXPECT_EQ(versions.wait_for(2), std::vector<std::uint64_t>({7, 8}));
  for (const std::uint64_t revision : rules.wait_for(1)) EXPECT_GE(revision, 100U);
}

TEST_F(LaggingTest, WhatTheNearInstanceHasNotSeenTheLeaderIsAskedFor) {
  add_two({100, 7}, {100, 7});
  auto near = options();
  near.endpoints = {servers_[1]->endpoint(), servers_[0]->endpoint()};
  near.reads = etcd_client::Consistency::local;
  const auto client = open(near);
  set(1, {90, 6});
  const auto rules = client->rules_since(95, milliseconds(0));
  ASSERT_TRUE(rules.ok()) << rules.error().message;
  EXPECT_EQ(rules->revision, 100U);
  EXPECT_FALSE(rules->full);
}

TEST_F(LaggingTest, AStateThatWasReallyRestoredIsTakenOnTheLeadersWord) {
  add_two({100, 7}, {100, 7});
  const auto client = open();
  Collected<std::uint64_t> versions;
  Collected<std::uint64_t> rules;
  const auto watch = client->watch_config(
      "sniffer", [&](const base::ConfigVersion& config) { versions.add(config.version); });
  const auto stream =
      client->follow_rules(0, [&](const base::RuleSet& set) { rules.add(set.revision); });
  (void)versions.wait_for(1);
  (void)rules.wait_for(1);
  set(0, {20, 5});
  set(1, {20, 5});
  EXPECT_EQ(versions.wait_for(2), std::vector<std::uint64_t>({7, 5}));
  EXPECT_TRUE(rules.wait_for_last(20));
}

TEST_F(WatchTest, EndingAWatchInterruptsItsLongPollAtOnce) {
  add_state_server();
  put_version(1);
  const auto client = open();
  auto watch = client->watch_config("sniffer", [](const base::ConfigVersion&) {});
  wait_until_a_poll_waits();
  EXPECT_LT(elapsed_ms([&] { watch.reset(); }), kAtOnceMs);
}

TEST_F(WatchTest, EndingAWatchWhoseServerIsGoneIsAsFast) {
  add_state_server();
  auto nowhere = options();
  nowhere.endpoints = {dead_endpoint()};
  nowhere.backoff_first = milliseconds(20'000);
  nowhere.backoff_max = milliseconds(20'000);
  const auto client = open(nowhere);
  auto watch = client->watch_config("sniffer", [](const base::ConfigVersion&) {});
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_LT(elapsed_ms([&] { watch.reset(); }), kAtOnceMs);
}

TEST_F(WatchTest, TheEndOfTheClientEndsItsWatches) {
  add_state_server();
  put_version(1);
  auto client = open();
  const auto config = client->watch_config("sniffer", [](const base::ConfigVersion&) {});
  const auto rules = client->follow_rules(0, [](const base::RuleSet&) {});
  wait_until_a_poll_waits();
  EXPECT_LT(elapsed_ms([&] { client.reset(); }), kAtOnceMs);
}

TEST_F(WatchTest, RulesComeAsAFullSetFirstAndThenAsDifferences) {
  add_state_server();
  put_version(1);
  const auto client = open();
  Collected<base::RuleSet> seen;
  const auto watch = client->follow_rules(0, [&](const base::RuleSet& set) { seen.add(set); });
  const auto first = seen.wait_for(1);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_TRUE(first[0].full);
  wait_until_a_poll_waits();
  put_version(1);
  const auto both = seen.wait_for(2);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_FALSE(both[1].full);
  EXPECT_GT(both[1].revision, both[0].revision);
}

TEST_F(WatchTest, RulesAreFullAgainAfterAGap) {
  add_state_server();
  put_version(1);
  const auto client = open();
  compacted_ = true;
  Collected<bool> seen;
  const auto watch = client->follow_rules(5, [&](const base::RuleSet& set) { seen.add(set.full); });
  EXPECT_EQ(seen.wait_for(1), std::vector<bool>({true}));
}

}  // namespace
}  // namespace mlguard::test
