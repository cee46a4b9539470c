// The server's log: one JSON object a line when asked for, heartbeats at debug, a summary and
// health transitions at info, and never a secret.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "live.h"

namespace mlguard::e2e {
namespace {

using base::Role;
using support::wait_until;

class LogsTest : public LiveServerTest {
 protected:
  std::size_t lines_with(const std::string& part) {
    std::istringstream log(server_.log());
    std::size_t count = 0;
    for (std::string line; std::getline(log, line);) {
      count += line.find(part) != std::string::npos ? 1u : 0u;
    }
    return count;
  }

  // A registered sniffer that has sent `beats` heartbeats. A name belongs to the key that took it.
  void some_heartbeats(int beats, const std::string& name = "sniffer") {
    const auto sniffer = agent_client(Role::sniffer, name);
    ASSERT_TRUE(sniffer);
    base::Component component;
    component.name = name;
    component.instance_id = "one";
    ASSERT_TRUE(sniffer->register_component(component).ok());
    base::Heartbeat beat;
    beat.component = name;
    beat.instance_id = "one";
    for (int i = 1; i <= beats; ++i) {
      beat.seq = static_cast<std::uint64_t>(i);
      ASSERT_TRUE(sniffer->heartbeat(beat).ok());
    }
  }
};

TEST_F(LogsTest, EveryLineOfTheJsonFormatParsesWithTimeLevelAndEvent) {
  ASSERT_NO_FATAL_FAILURE(start({"--log-format", "json", "--log-level", "debug"}));
  ASSERT_NO_FATAL_FAILURE(some_heartbeats(3));
  // Hostile text must not break a line in two.
  support::http_get(server_.port(), "/nothing%0a%22here\"{}");
  ASSERT_TRUE(server_.terminate().has_value());
  std::istringstream log(server_.log());
  std::size_t lines = 0;
  for (std::string line; std::getline(log, line); ++lines) {
    EXPECT_TRUE(is_json(line)) << line;
    EXPECT_NE(json_at(line, "/level"), "") << line;
    EXPECT_NE(json_at(line, "/time"), "") << line;
    EXPECT_NE(json_at(line, "/event"), "") << line;
  }
  EXPECT_GT(lines, 4u);
}

TEST_F(LogsTest, HeartbeatsAreLoggedAtDebugOnly) {
  ASSERT_NO_FATAL_FAILURE(start({"--log-level", "debug"}));
  ASSERT_NO_FATAL_FAILURE(some_heartbeats(20));
  EXPECT_TRUE(wait_until([&] { return lines_with("heartbeat") >= 20u; })) << server_.log();

  ASSERT_TRUE(server_.terminate().has_value());
  const std::size_t before = lines_with("heartbeat");
  ASSERT_NO_FATAL_FAILURE(start({"--log-level", "info"}));
  ASSERT_NO_FATAL_FAILURE(some_heartbeats(20, "sniffer-two"));
  EXPECT_LT(lines_with("heartbeat") - before, 5u);
}

TEST_F(LogsTest, HealthTransitionsAreLoggedAtInfoAndAudited) {
  ASSERT_NO_FATAL_FAILURE(start({"--stale-after", "2s", "--dead-after", "4s"}));
  ASSERT_NO_FATAL_FAILURE(some_heartbeats(1));
  ASSERT_TRUE(wait_until([&] { return health_of("sniffer") == "dead"; }));
  EXPECT_TRUE(wait_until([&] { return lines_with("to=dead") == 1; })) << server_.log();
  EXPECT_EQ(lines_with("to=stale"), 1u) << server_.log();
  std::string audit;
  const auto audited = [&] {
    audit = support::ml_guard(server_, {"audit", "-o", "json"}).out;
    return audit.find("health") != std::string::npos && audit.find("stale") != std::string::npos;
  };
  EXPECT_TRUE(wait_until(audited)) << audit;
}

TEST_F(LogsTest, NoSecretIsEverLoggedEvenAtDebug) {
  ASSERT_NO_FATAL_FAILURE(start({"--log-level", "debug"}));
  const std::string token = make_token(Role::sniffer);
  const auto admin = operator_client();
  ASSERT_TRUE(admin);
  const std::string marker = "KmarkerConfigLogJ1";
  ASSERT_TRUE(admin->put_config("sniffer", "{\"psk\":\"" + marker + "\"}").ok());
  static_cast<void>(admin->put_config("sniffer", "{\"psk\":\"" + marker + "\" broken"));
  ASSERT_NO_FATAL_FAILURE(some_heartbeats(2));
  ASSERT_TRUE(wait_until([&] { return lines_with("heartbeat") >= 2u; }));
  const std::string log = server_.log();
  const auto parsed = wire::JoinToken::parse(token);
  ASSERT_TRUE(parsed.ok());
  const std::string key = support::read_text(server_.operator_key());
  const std::string cluster = support::read_text(server_.home() + "/cluster.key");
  for (const std::string& secret : {marker, token, parsed->psk.hex(), json_at(key, "/private_key"),
                                    cluster.substr(cluster.size() - 65, 64)}) {
    ASSERT_GE(secret.size(), 16u);
    EXPECT_EQ(log.find(secret), std::string::npos) << secret;
  }
}

}  // namespace
}  // namespace mlguard::e2e
