// Whoever beats stays healthy, whatever happens to the instances: their leader changes, they stand
// still, their disks are slow.
#include <csignal>
#include <filesystem>
#include <thread>

#include "cluster.h"
#include "e2e/live.h"

namespace mlguard::cluster {
namespace {

using support::wait_until;

constexpr std::int64_t kStaleMs = 3'000;
// Longer than a component may be silent.
constexpr std::int64_t kSlowSyncMs = 4'000;

class HealthTest : public ClusterTest {
 protected:
  void SetUp() override {
    start_instances(3, {"--stale-after", std::to_string(kStaleMs) + "ms"});
    ASSERT_FALSE(HasFatalFailure());
    ASSERT_NO_FATAL_FAILURE(have_first_lead());
    start_agent();
    ASSERT_TRUE(wait_until([&] { return health(1) == "healthy"; }, kSettledWithinMs, 50));
  }

  // Each disk can be made slow.
  void prepare(std::size_t /*instance*/, support::ServerSettings& settings) override {
    settings.enter = {"/usr/bin/env", "ASAN_OPTIONS=verify_asan_link_order=0",
                      std::string("LD_PRELOAD=") + MLGUARD_SLOW_SYNC,
                      "SLOW_SYNC_WHILE=" + slow_file(),
                      "SLOW_SYNC_MS=" + std::to_string(kSlowSyncMs)};
  }
  std::string slow_file() const { return folder_.path() + "/slow"; }

  // A real agent that was told of one instance only.
  void start_agent() {
    const auto token = ml_guard(0, {"token", "create", "--role", "sniffer", "-o", "raw"});
    ASSERT_EQ(token.exit.code, 0) << token.err;
    support::ProcessOptions options;
    options.arguments = {support::binary("sniffer"),
                         "--endpoints",
                         at(0).endpoint(),
                         "--credentials",
                         folder_.path() + "/sniffer.credential",
                         "--join",
                         token.out.substr(0, token.out.find('\n'))};
    options.environment = at(0).environment();
    agent_ = std::make_unique<support::Process>(support::Process::start(options));
  }

  std::string health(std::size_t instance) {
    return e2e::json_at(at(instance).get("/health").body, "/components/sniffer/status");
  }
  // What any instance has ever recorded of the component's decline.
  std::string recorded() {
    const auto audit = ml_guard(1, {"audit", "-o", "json"});
    EXPECT_EQ(audit.exit.code, 0) << audit.err;
    return audit.out;
  }
  void expect_never_stale() {
    const std::string audit = recorded();
    EXPECT_EQ(audit.find("stale"), std::string::npos) << audit;
    EXPECT_EQ(audit.find("dead"), std::string::npos) << audit;
  }
  // Looks while it lasts: nobody may call it stale meanwhile either.
  void watch_for(std::int64_t ms) {
    const support::Stopwatch stopwatch;
    while (stopwatch.ms() < static_cast<double>(ms)) {
      for (std::size_t i = 0; i < count(); ++i) {
        const std::string says = health(i);
        EXPECT_TRUE(says != "stale" && says != "dead") << at(i).endpoint() << ": " << says;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }

  std::unique_ptr<support::Process> agent_;
};

TEST_F(HealthTest, NobodyTurnsStaleBecauseTheLeaderChanged) {
  std::size_t led = 0;
  for (int round = 0; round < 3; ++round) {
    at(led).kill9();
    watch_for(kStaleMs);
    const std::size_t next = wait_for_leader();
    ASSERT_LT(next, count());
    start(led);
    led = next;
  }
  expect_never_stale();
  EXPECT_TRUE(wait_until([&] { return health(led) == "healthy"; }, kSettledWithinMs, 50));
  // And whoever does fall silent is found out.
  agent_->kill_now();
  EXPECT_TRUE(wait_until([&] { return health(led) == "stale"; }, kSettledWithinMs, 50));
}

TEST_F(HealthTest, NobodyTurnsStaleBecauseTheLeaderStoodStill) {
  for (std::size_t i = 0; i < count(); ++i) at(i).process().signal(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(2 * kStaleMs));
  for (std::size_t i = 0; i < count(); ++i) at(i).process().signal(SIGCONT);
  watch_for(kStaleMs);
  wait_for_leader();
  expect_never_stale();
}

TEST_F(HealthTest, NobodyTurnsStaleBecauseEveryDiskIsSlow) {
  support::write_text(slow_file(), "");
  watch_for(5 * kStaleMs);
  std::filesystem::remove(slow_file());
  wait_for_leader();
  expect_never_stale();
  const auto put = client(2)->put_config("rag", document_of("after"));
  EXPECT_TRUE(put.ok()) << put.error().message;
}

}  // namespace
}  // namespace mlguard::cluster
