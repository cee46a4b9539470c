// Four thousand connected agents that wait in sealed long polls: the server stays small and idle,
// and somebody who comes new is answered at once.
#include "idle_agents.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "live.h"
#include "support/proc_stat.h"

namespace mlguard::e2e {
namespace {

using base::Role;
using support::Stopwatch;

constexpr std::size_t kAgents = 4'000;
constexpr std::size_t kUsesPerToken = 1'000;
constexpr std::size_t kResidentBytesMax = 64ULL * 1024 * 1024 * kSlowdown;
constexpr double kCoreShareMax = 0.03 * kSlowdown;
constexpr double kFreshMsMax = 100.0 * kSlowdown;
constexpr int kPollSeconds = 60;

// How long the idle server's CPU is measured; more in long runs.
std::int64_t window_ms() {
  const char* text = std::getenv("MLGUARD_IDLE_MS");
  return text != nullptr ? std::atoll(text) : 5'000;
}

class IdleAgentsTest : public LiveServerTest {
 protected:
  void SetUp() override {
    ASSERT_GE(support::raise_open_files_limit(), kAgents + 200)
        << "raise the limit on open files (ulimit -n)";
    ASSERT_NO_FATAL_FAILURE(start());
  }

  std::uint64_t revision() { return std::stoull("0" + json_at(page("/status"), "/revision")); }

  // Share of one core that the server uses in the window.
  double idle_share() {
    const std::int64_t before = support::cpu_ms(server_.pid());
    const Stopwatch watch;
    // Time itself is what is measured here.
    std::this_thread::sleep_for(std::chrono::milliseconds(window_ms()));
    return static_cast<double>(support::cpu_ms(server_.pid()) - before) / watch.ms();
  }

  // Median of a new client's connection, handshake and read, as on a machine without other work.
  double fresh_request_ms() {
    std::vector<double> times;
    for (int i = 0; i < 11; ++i) {
      const Stopwatch watch;
      const auto client = operator_client();
      EXPECT_TRUE(client && client->call({"GET", "/v1/config", "", {}}).ok());
      const double took_ms = watch.ms();
      times.push_back(took_ms / support::time_stretch());
    }
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  }

  // One heartbeat of every agent, as fast as they are answered: what a fleet costs in five seconds.
  void measure_heartbeats(IdleAgents& agents) {
    const std::int64_t before = support::cpu_ms(server_.pid());
    for (std::size_t i = 0; i < kAgents; ++i) {
      const base::Status beat = agents.heartbeat(i);
      ASSERT_TRUE(beat.ok()) << beat.error().message;
    }
    const auto used_ms = static_cast<double>(support::cpu_ms(server_.pid()) - before);
    std::printf("%zu heartbeats cost the server %.0f ms of a core (%.1f us each)\n", kAgents,
                used_ms, used_ms * 1'000 / kAgents);
  }
};

TEST_F(IdleAgentsTest, FourThousandLongPollsCostLittleAndANewcomerIsAnsweredPromptly) {
  std::vector<wire::JoinToken> tokens;
  for (std::size_t i = 0; i < kAgents; i += kUsesPerToken) {
    const auto token = wire::JoinToken::parse(make_token(Role::sniffer, {}, kUsesPerToken));
    ASSERT_TRUE(token.ok());
    tokens.push_back(*token);
  }
  IdleAgents agents(server_.port());
  const Stopwatch connecting;
  const base::Status connected = agents.connect(kAgents, tokens, kUsesPerToken);
  ASSERT_TRUE(connected.ok()) << connected.error().message;
  std::printf("%zu agents enrolled and registered in %.0f ms\n", kAgents, connecting.ms());

  ASSERT_NO_FATAL_FAILURE(measure_heartbeats(agents));
  const base::Status polling = agents.poll_all(revision(), kPollSeconds);
  ASSERT_TRUE(polling.ok()) << polling.error().message;
  // Sealed and sent; the server has read them all once it answers this.
  EXPECT_LT(fresh_request_ms(), kFreshMsMax);
  const double share = idle_share();
  const double fresh_ms = fresh_request_ms();
  const std::size_t resident = support::resident_bytes(server_.pid());
  std::printf("server: %.1f MiB, %.2f%% of a core idle; a fresh request took %.2f ms\n",
              static_cast<double>(resident) / (1024 * 1024), share * 100, fresh_ms);
  EXPECT_LT(resident, kResidentBytesMax);
  EXPECT_LT(share, kCoreShareMax);
  EXPECT_LT(fresh_ms, kFreshMsMax);

  // They do wait, all of them, and a change wakes exactly the one that it concerns.
  const auto early = agents.take_answers(1, 0);
  ASSERT_TRUE(early.ok()) << early.error().message;
  EXPECT_EQ(*early, 0u);
  const auto admin = operator_client();
  ASSERT_TRUE(admin && admin->put_config("sniffer-77", config_document(400)).ok());
  const auto one = agents.take_answers(1, support::kPatienceMs);
  ASSERT_TRUE(one.ok()) << one.error().message;
  EXPECT_EQ(*one, 1u);
  const auto more = agents.take_answers(1, 500);
  ASSERT_TRUE(more.ok()) << more.error().message;
  EXPECT_EQ(*more, 0u);
  const Stopwatch spreading;
  ASSERT_TRUE(admin->put_config("global", config_document(400)).ok());
  const auto half = agents.take_answers(kAgents / 2, support::kPatienceMs);
  ASSERT_TRUE(half.ok()) << half.error().message;
  EXPECT_EQ(*half, kAgents / 2);
  std::printf("a global change reached %zu agents in %.0f ms\n", *half, spreading.ms());
  EXPECT_EQ(agents.waiting(), kAgents / 2 - 1);
}

}  // namespace
}  // namespace mlguard::e2e
