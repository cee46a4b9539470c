// The pipeline without any privilege: a sniffer that plays a capture, a detector, a firewall that
// is a dry run. Run by root, the test becomes nobody first.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "live.h"
#include "support/unprivileged.h"

namespace mlguard::e2e {
namespace {

using nlohmann::json;
using support::wait_until;
using ::testing::HasSubstr;

constexpr std::int64_t kPatienceMs = 60'000 * kSlowdown;
constexpr const char* kScanner = "10.77.1.66/32";
constexpr const char* kGuesser = "10.77.1.68/32";
constexpr const char* kClient = "10.77.1.20/32";

// Before the fixture's own members, which make folders and look for ports.
struct Unprivileged {
  const std::string problem = support::become_unprivileged(MLGUARD_BIN_DIR);
};

class WithoutRootTest : protected Unprivileged, public LiveServerTest {
 protected:
  void SetUp() override {
    if (!problem.empty()) GTEST_SKIP() << problem;
    ASSERT_NE(geteuid(), 0U);
    ASSERT_NO_FATAL_FAILURE(start());
    const auto op = operator_client();
    ASSERT_TRUE(op->put_config("global", R"({"heartbeat":{"interval_s":1}})").ok());
    const std::string pipe = "ipc://" + (folder_ / "pipe");
    ASSERT_TRUE(op->put_config("sniffer", json({{"export", {{"endpoint", pipe}}}}).dump()).ok());
    ASSERT_TRUE(
        op->put_config("ml-detector", json({{"ingest", {{"endpoint", pipe}}}}).dump()).ok());
  }

  std::string capture() const {
    return std::string(MLGUARD_SOURCE_DIR) + "/data/captures/office.pcap";
  }
  support::Process start_detector() {
    return start_agent("ml-detector", "ml-detector",
                       {"--state", folder_ / "detector", "--models",
                        std::string(MLGUARD_SOURCE_DIR) + "/data/models"});
  }
  support::Process start_sniffer(std::vector<std::string> flags) {
    return start_agent("sniffer", "sniffer", std::move(flags));
  }
  json cli(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    const auto ran = support::ml_guard(server_, arguments);
    return json::parse(ran.out, nullptr, false);
  }
  // The rule for that network, with what each firewall makes of it; null when there is none.
  json rule_for(const std::string& network) const {
    for (const json& rule : cli({"rules", "list"}).value("rules", json::array())) {
      if (rule.value("cidr", "") == network) return rule;
    }
    return {};
  }
  std::string sniffer_detail(const std::string& pointer) {
    const auto answer = operator_client()->call({"GET", "/components/sniffer", "", {}});
    return answer.ok() ? json_at(answer->body, "/heartbeat/detail" + pointer) : std::string();
  }
};

TEST_F(WithoutRootTest, AnAttackInACaptureBecomesARuleInTheDryRunFirewall) {
  const support::Process detector = start_detector();
  const support::Process firewall =
      start_agent("firewall", "firewall", {"--dry-run", "--state", folder_ / "rules"});
  const support::Process rag = start_agent("rag", "rag", {});
  const support::Process sniffer =
      start_sniffer({"--replay", capture(), "--pace", "4", "--times", "0"});
  for (const char* name : {"sniffer", "ml-detector", "firewall", "rag"}) {
    EXPECT_TRUE(wait_until([&] { return health_of(name) == "healthy"; }, kPatienceMs)) << name;
  }
  EXPECT_EQ(json_array_size(page("/components"), "/components"), 4U);

  const auto in_dry_run = [&] {
    return json_at(rule_for(kScanner).dump(), "/firewalls/0/in_force") == "dry run";
  };
  ASSERT_TRUE(wait_until(in_dry_run, kPatienceMs, 200)) << sniffer.err() << detector.err();
  EXPECT_TRUE(wait_until([&] { return !rule_for(kGuesser).is_null(); }, kPatienceMs, 200));
  const std::string shown =
      support::ml_guard(server_, {"rules", "show", rule_for(kScanner).value("id", "")}).out;
  EXPECT_THAT(shown, HasSubstr("dry run"));
  EXPECT_THAT(support::ml_guard(server_, {"rules", "list"}).out, HasSubstr("none (dry run)"));
  EXPECT_THAT(cli({"detections"}).dump(), HasSubstr("\"portscan\""));

  // It goes on, and says how far it is.
  EXPECT_TRUE(wait_until(
      [&] {
        const std::string played = sniffer_detail("/capture/played");
        return !played.empty() && played != "0";
      },
      kPatienceMs, 200));
  EXPECT_EQ(sniffer_detail("/capture/state"), "playing");
  EXPECT_EQ(sniffer_detail("/capture/file"), capture());
  EXPECT_EQ(sniffer_detail("/export/flows_shed"), "0");
  EXPECT_TRUE(rule_for(kClient).is_null());
}

TEST_F(WithoutRootTest, PlayedOnceEveryFlowIsSentAndTheSnifferEnds) {
  const support::Process detector = start_detector();
  const auto has_keys = [&] {
    return detector.err().find("pipeline keys applied") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(has_keys, kPatienceMs)) << detector.err();
  support::Process sniffer = start_sniffer({"--replay", capture(), "--pace", "max"});
  const auto ended = sniffer.wait_exit(kPatienceMs);
  ASSERT_TRUE(ended.has_value()) << sniffer.err();
  EXPECT_TRUE(ended->ok()) << ended->text() << sniffer.err();
  EXPECT_THAT(sniffer.err(), HasSubstr("capture played"));
  EXPECT_THAT(sniffer.err(), HasSubstr("lost=0 left=0"));
  EXPECT_TRUE(wait_until([&] { return !rule_for(kScanner).is_null(); }, kPatienceMs, 200));
  EXPECT_EQ(health_of("sniffer"), "");
}

TEST_F(WithoutRootTest, ACaptureWaitsForADetectorAndOneThatIsCutOffIsNoSuccess) {
  const std::string whole = support::read_text(capture());
  support::write_text(folder_ / "cut.pcap", whole.substr(0, whole.size() - 11));
  support::Process sniffer = start_sniffer({"--replay", folder_ / "cut.pcap", "--pace", "max"});
  const auto waits = [&] {
    return sniffer.err().find("an ml-detector at ipc://") != std::string::npos;
  };
  ASSERT_TRUE(wait_until(waits, kPatienceMs)) << sniffer.err();
  EXPECT_TRUE(
      wait_until([&] { return sniffer_detail("/capture/state") == "waiting"; }, kPatienceMs));
  const support::Process detector = start_detector();
  const auto ended = sniffer.wait_exit(kPatienceMs);
  ASSERT_TRUE(ended.has_value()) << sniffer.err();
  EXPECT_EQ(ended->code, 1);
  EXPECT_THAT(sniffer.err(), HasSubstr("sniffer: " + (folder_ / "cut.pcap") + " is cut off"));
}

TEST_F(WithoutRootTest, WatchingAnInterfaceSaysWhatIsMissing) {
  const support::Process sniffer = start_sniffer({"--iface", "lo"});
  EXPECT_TRUE(wait_until([&] { return health_of("sniffer") == "healthy"; }, kPatienceMs));
  EXPECT_TRUE(wait_until(
      [&] { return sniffer_detail("/problem").find("run as root, or") != std::string::npos; },
      kPatienceMs))
      << sniffer_detail("");
}

}  // namespace
}  // namespace mlguard::e2e
