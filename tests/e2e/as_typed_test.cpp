// What a person types, exactly as the issue and the README have it: the server by its name from
// its own folder, curl into jq, sqlite3 beside the running server.
#include <gtest/gtest.h>

#include <string>

#include "live.h"
#include "support/private_network.h"

namespace mlguard::e2e {
namespace {

using base::Role;
using support::CommandResult;
using support::run_shell;
using support::wait_until;

class AsTypedTest : public LiveServerTest {
 protected:
  // What the sniffer's built-in configuration wants to watch; only root may have it.
  AsTypedTest() : has_interface_(geteuid() == 0) {
    if (has_interface_) support::make_cable("eth0", "wire0");
  }
  ~AsTypedTest() override {
    if (has_interface_) support::run_ip("link del eth0");
  }

  // Through /bin/sh, with $PORT for the server's port.
  CommandResult typed(const std::string& command) {
    support::ProcessOptions options;
    options.environment = server_.environment();
    options.environment.emplace_back("PORT", std::to_string(server_.port()));
    options.environment.emplace_back("DB", server_.database());
    options.folder = MLGUARD_BIN_DIR;
    return run_shell(command, options);
  }
  std::string typed_ok(const std::string& command) {
    const CommandResult result = typed(command);
    EXPECT_TRUE(result.exit.ok()) << command << "\n" << result.err;
    return result.out;
  }

  const bool has_interface_;
};

TEST_F(AsTypedTest, TheServerStartsFromItsFolderWithNothingButAPort) {
  support::ProcessOptions options;
  options.arguments = {"/bin/sh", "-c", "exec ./etcd-server --port $PORT"};
  options.environment = server_.environment();
  options.environment.emplace_back("PORT", std::to_string(server_.port()));
  options.folder = MLGUARD_BIN_DIR;
  support::Process process = support::Process::start(options);
  ASSERT_TRUE(wait_until([&] { return !page("/health").empty(); })) << process.err();
  EXPECT_EQ(typed_ok("curl -s http://localhost:$PORT/status | jq -r '.leader'"),
            "localhost:" + std::to_string(server_.port()) + "\n");
  EXPECT_EQ(typed_ok("curl -s http://localhost:$PORT/status | jq -r '.role'"), "leader\n");
  process.signal(SIGTERM);
  ASSERT_TRUE(process.wait_exit(support::kPatienceMs).has_value());
  EXPECT_EQ(process.wait_exit(0)->text(), "exit 0");
}

TEST_F(AsTypedTest, CurlAndJqShowComponentsAndMovingHeartbeats) {
  ASSERT_NO_FATAL_FAILURE(start());
  EXPECT_EQ(typed_ok("curl -s http://localhost:$PORT/components | jq '.components[]'"), "");
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  const support::Process detector = start_agent("ml-detector", "ml-detector");
  const support::Process firewall = start_agent("firewall", "firewall-dmz", {"--dry-run"});
  const support::Process rag = start_agent("rag", "rag");
  const std::string count = "curl -s http://localhost:$PORT/components | jq '.components | length'";
  ASSERT_TRUE(wait_until([&] { return typed(count).out == "4\n"; }, support::kPatienceMs, 100))
      << sniffer.err() << detector.err();

  EXPECT_EQ(typed_ok("curl http://localhost:$PORT/components | jq -r '.components[].name'"),
            "firewall-dmz\nml-detector\nrag\nsniffer\n");
  EXPECT_EQ(typed_ok("curl http://localhost:$PORT/components/rag | jq -r '.role'"), "rag\n");
  const std::string shown = typed_ok("curl -s http://localhost:$PORT/health | jq '.components'");
  for (const char* name : {"firewall-dmz", "ml-detector", "rag", "sniffer"}) {
    EXPECT_EQ(json_at(shown, std::string("/") + name + "/status"), "healthy") << shown;
  }
  // What they have to say of themselves comes with their first heartbeats.
  const std::string status = "curl -s http://localhost:$PORT/health | jq -r '.status'";
  const std::string expected = has_interface_ ? "ok\n" : "degraded\n";
  EXPECT_TRUE(wait_until([&] { return typed(status).out == expected; })) << typed(status).out;

  const std::string beat =
      "curl -s http://localhost:$PORT/health | jq -r '.components.sniffer.last_heartbeat'";
  const std::string iso = beat + " | grep -Ex '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}[.][0-9]{3}Z'";
  // The sniffer beats when its kernel programs are loaded.
  EXPECT_TRUE(wait_until([&] { return typed(iso).exit.code == 0; })) << typed(beat).out;
  const std::string first = typed_ok(beat);
  // Agents send a heartbeat every five seconds.
  EXPECT_TRUE(wait_until([&] { return typed(beat).out > first; }, 15'000, 100)) << first;
}

TEST_F(AsTypedTest, ASilentComponentIsLateThenStaleThenDeadAtTheTimesThatAreSet) {
  ASSERT_NO_FATAL_FAILURE(start({"--stale-after", "3s", "--dead-after", "12s"}));
  support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return health_of("sniffer") == "healthy"; })) << sniffer.err();
  support::Stopwatch silent;
  sniffer.kill_now();
  ASSERT_TRUE(wait_until([&] { return health_of("sniffer") == "stale"; }));
  // Its interval follows from the three seconds, and is a fraction of one.
  EXPECT_GT(silent.ms(), 2'000);
  EXPECT_LT(silent.ms(), 8'000);
  EXPECT_EQ(json_at(page("/health"), "/status"), "degraded");
  ASSERT_TRUE(wait_until([&] { return health_of("sniffer") == "dead"; }));
  EXPECT_GT(silent.ms(), 11'000);

  support::Process again = start_agent("sniffer", "sniffer");
  EXPECT_TRUE(wait_until([&] { return health_of("sniffer") == "healthy"; })) << again.err();
}

TEST_F(AsTypedTest, StaleAfterSixtySecondsIsTheDefaultAndNonsenseIsRefused) {
  const auto refused = [&](const std::string& flags) {
    const CommandResult result = typed("timeout 20 ./etcd-server --port $PORT " + flags);
    EXPECT_EQ(result.exit.text(), "exit 2") << flags << result.err;
    EXPECT_NE(result.err + result.out, "") << flags;
  };
  refused("--stale-after never");
  refused("--stale-after 10m --dead-after 1m");
  refused("--no-such-flag");
  EXPECT_NE(typed_ok("./etcd-server --help").find("stale-after"), std::string::npos);
  EXPECT_NE(typed_ok("./etcd-server --help").find("60"), std::string::npos);
}

TEST_F(AsTypedTest, SqliteReadsTheViewsWhileTheServerRuns) {
  ASSERT_NO_FATAL_FAILURE(start());
  const auto sniffer = agent_client(Role::sniffer, "sniffer");
  const auto admin = operator_client();
  ASSERT_TRUE(sniffer && admin);
  base::Component component;
  component.name = "sniffer";
  component.instance_id = "one";
  component.version = "0.1.0";
  component.address = "10.1.2.3";
  ASSERT_TRUE(sniffer->register_component(component).ok());
  etcd_client::PutOptions put;
  put.comment = "first light";
  ASSERT_TRUE(admin->put_config("sniffer", config_document(300), put).ok());
  ASSERT_TRUE(admin->put_rules({rule_of("block-a", "203.0.113.7/32")}).ok());

  const auto view = [&](const std::string& name) {
    return typed_ok("sqlite3 -header -column \"$DB\" 'select * from " + name + "'");
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  const std::string components = view("v_components");
  EXPECT_TRUE(contains(components, "sniffer") && contains(components, "10.1.2.3")) << components;
  EXPECT_TRUE(contains(view("v_health"), "healthy")) << view("v_health");
  const std::string configs = view("v_configs");
  EXPECT_TRUE(contains(configs, "first light")) << configs;
  const std::string rules = view("v_rules");
  EXPECT_TRUE(contains(rules, "block-a") && contains(rules, "203.0.113.7/32")) << rules;
  const std::string changes = view("v_changes");
  EXPECT_TRUE(contains(changes, "config/sniffer")) << changes;
  // Times for people: ISO 8601, not milliseconds.
  const std::string year = typed_ok("date -u +%Y-");
  for (const std::string& text : {components, configs, rules, changes}) {
    EXPECT_TRUE(contains(text, year.substr(0, 5))) << text;
  }
  EXPECT_EQ(typed_ok("sqlite3 \"$DB\" 'pragma quick_check'"), "ok\n");
}

}  // namespace
}  // namespace mlguard::e2e
