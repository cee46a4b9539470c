// Stopping and starting: SIGTERM finishes and flushes, agents survive a restart by themselves, and
// a changed configuration reaches its agent and is reported as applied.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "live.h"

namespace mlguard::e2e {
namespace {

using base::Role;
using support::wait_until;

class ShutdownTest : public LiveServerTest {
 protected:
  void SetUp() override { ASSERT_NO_FATAL_FAILURE(start()); }

  // "" before the first one; ISO times compare as text.
  std::string last_heartbeat(const std::string& name) {
    return json_at(page("/health"), "/components/" + name + "/last_heartbeat");
  }
};

TEST_F(ShutdownTest, SigtermExitsWithZeroAndHeartbeatsAcknowledgedBeforeAreKept) {
  const auto sniffer = agent_client(Role::sniffer, "sniffer");
  ASSERT_TRUE(sniffer);
  base::Component component;
  component.name = "sniffer";
  component.instance_id = "one";
  ASSERT_TRUE(sniffer->register_component(component).ok());
  base::Heartbeat beat;
  beat.component = "sniffer";
  beat.instance_id = "one";
  beat.status = "degraded";
  for (beat.seq = 1; beat.seq <= 20; ++beat.seq) ASSERT_TRUE(sniffer->heartbeat(beat).ok());
  const std::string before = last_heartbeat("sniffer");
  ASSERT_NE(before, "");

  // At once: the next flush is up to five seconds away.
  const auto exit = server_.terminate();
  ASSERT_TRUE(exit.has_value()) << "it did not end";
  EXPECT_EQ(exit->text(), "exit 0");
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(last_heartbeat("sniffer"), before);
}

TEST_F(ShutdownTest, RequestsUnderWayAreAnsweredAndLongPollsEnd) {
  std::atomic<bool> ending = false;
  std::atomic<int> acknowledged = 0;
  std::vector<std::thread> writers;
  for (int i = 0; i < 4; ++i) {
    writers.emplace_back([&, i] {
      const auto client = operator_client(500);
      for (int n = 0; client && n < 10'000; ++n) {
        const auto put =
            client->put_config("sniffer-" + std::to_string(i), config_document(500, n));
        // A slow machine may not answer one in time: that is not yet the end.
        if (!put.ok() && ending) return;
        if (put.ok()) ++acknowledged;
      }
    });
  }
  const auto watcher = operator_client();
  ASSERT_TRUE(watcher);
  const auto watch = watcher->watch_config("sniffer", [](const base::ConfigVersion&) {});
  EXPECT_TRUE(wait_until([&] { return acknowledged > 50; }));
  ending = true;
  const support::Stopwatch stopwatch;
  const auto exit = server_.terminate();
  const double took_ms = stopwatch.ms();
  for (std::thread& writer : writers) writer.join();
  ASSERT_TRUE(exit.has_value());
  EXPECT_EQ(exit->text(), "exit 0");
  EXPECT_LT(took_ms, 8'000) << "a long poll must not hold the server up";
  ASSERT_NO_FATAL_FAILURE(start());
  const auto admin = operator_client();
  ASSERT_TRUE(admin);
  std::size_t stored = 0;
  for (int i = 0; i < 4; ++i) {
    const auto active = admin->get_config("sniffer-" + std::to_string(i));
    if (active.ok()) stored += active->version;
  }
  EXPECT_GE(stored, static_cast<std::size_t>(acknowledged));
}

TEST_F(ShutdownTest, AComponentThatHasNotBeatenYetHasNoLastHeartbeatThatATestCouldTakeForATime) {
  const auto sniffer = agent_client(Role::sniffer, "sniffer");
  ASSERT_TRUE(sniffer);
  base::Component component;
  component.name = "sniffer";
  component.instance_id = "one";
  ASSERT_TRUE(sniffer->register_component(component).ok());
  EXPECT_EQ(health_of("sniffer"), "healthy");
  EXPECT_EQ(last_heartbeat("sniffer"), "");
}

TEST_F(ShutdownTest, AgentsSurviveAServerRestartAndRegisterAgain) {
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  const support::Process firewall = start_agent("firewall", "firewall", {"--dry-run"});
  const auto both_healthy = [&] {
    return health_of("sniffer") == "healthy" && health_of("firewall") == "healthy";
  };
  ASSERT_TRUE(wait_until(both_healthy)) << sniffer.err();
  // A component is healthy as soon as it is registered: its first beat may be still to come.
  ASSERT_TRUE(wait_until([&] { return !last_heartbeat("sniffer").empty(); })) << sniffer.err();
  const std::string before = last_heartbeat("sniffer");
  server_.kill9();
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_TRUE(wait_until([&] { return both_healthy() && last_heartbeat("sniffer") > before; }))
      << sniffer.err();
}

TEST_F(ShutdownTest, AnAgentThatTheServerForgotRegistersAgain) {
  support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return health_of("sniffer") == "healthy"; })) << sniffer.err();
  // Unregistered behind its back: by the same key, as if by another copy of the agent.
  const auto same = open_client(credential_path("sniffer"), server_.endpoint());
  ASSERT_TRUE(same);
  const std::string instance = json_at(page("/components/sniffer"), "/instance_id");
  // It stands still meanwhile: it must not register again before that is seen.
  sniffer.signal(SIGSTOP);
  ASSERT_TRUE(same->unregister_component("sniffer", instance).ok());
  ASSERT_EQ(health_of("sniffer"), "");
  sniffer.signal(SIGCONT);
  EXPECT_TRUE(wait_until([&] { return health_of("sniffer") == "healthy"; })) << sniffer.err();
}

TEST_F(ShutdownTest, AStoppedAgentUnregisters) {
  support::Process rag = start_agent("rag", "rag");
  ASSERT_TRUE(wait_until([&] { return health_of("rag") == "healthy"; })) << rag.err();
  rag.signal(SIGTERM);
  ASSERT_TRUE(rag.wait_exit(support::kPatienceMs).has_value()) << rag.err();
  EXPECT_EQ(rag.wait_exit(0)->text(), "exit 0");
  EXPECT_EQ(health_of("rag"), "");
}

TEST_F(ShutdownTest, AConfigurationChangedByTheOperatorReachesItsAgentAndIsReportedAsApplied) {
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return health_of("sniffer") == "healthy"; })) << sniffer.err();
  const auto admin = operator_client();
  ASSERT_TRUE(admin);
  // It has uploaded its default by itself, since there was none.
  ASSERT_TRUE(wait_until([&] { return admin->get_config("sniffer").ok(); })) << sniffer.err();
  const auto applied = [&] {
    const auto list = admin->call({"GET", "/v1/applied", "", {}});
    const auto active = admin->get_config("sniffer");
    return list.ok() && active.ok() && list->body.find(active->sha256) != std::string::npos;
  };
  ASSERT_TRUE(wait_until(applied, support::kPatienceMs, 50)) << sniffer.err();

  const support::CommandResult set =
      support::ml_guard(server_, {"config", "set", "sniffer", "capture.sample_one_in", "16"});
  ASSERT_TRUE(set.exit.ok()) << set.err;
  EXPECT_EQ(admin->get_config("sniffer")->version, 2u);
  // Within a heartbeat's interval: five seconds, and as many for a machine that is busy.
  EXPECT_TRUE(wait_until(applied, 10'000, 50)) << sniffer.err();
  EXPECT_EQ(json_at(page("/health"), "/components/sniffer/status"), "healthy");
}

TEST_F(ShutdownTest, AConfigurationThatTheAgentCannotUseIsReportedAndTheLastGoodOneStays) {
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  const auto admin = operator_client();
  ASSERT_TRUE(admin);
  ASSERT_TRUE(wait_until([&] { return admin->get_config("sniffer").ok(); })) << sniffer.err();
  ASSERT_TRUE(
      support::ml_guard(server_, {"config", "set", "sniffer", "capture.sample_one_in", "-3"})
          .exit.ok());
  EXPECT_TRUE(wait_until(
      [&] {
        const support::CommandResult shown =
            support::ml_guard(server_, {"component", "get", "sniffer"});
        return shown.out.find("degraded") != std::string::npos;
      },
      support::kPatienceMs, 200))
      << page("/components/sniffer");
}

TEST_F(ShutdownTest, WhichConfigurationsAreInForceIsShown) {
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  const auto admin = operator_client();
  ASSERT_TRUE(admin);
  ASSERT_TRUE(admin->put_config("global", R"({"heartbeat":{"interval_s":2}})").ok());
  const auto shows = [&](const std::string& what) {
    const auto shown = support::ml_guard(server_, {"component", "get", "sniffer"});
    return shown.out.find(what) != std::string::npos;
  };
  EXPECT_TRUE(wait_until([&] { return shows("in_force        config 1, global 1\n"); }))
      << page("/components/sniffer") << sniffer.err();
}

}  // namespace
}  // namespace mlguard::e2e
