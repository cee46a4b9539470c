// The real sniffer with a real control plane, on a cable of its own: configuration changes lose no
// packet, records reach whoever holds the pipeline's keys, and what kill -9 leaves behind neither
// lets blocked addresses through nor stops the next sniffer.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "live.h"
#include "pipeline/flow_receiver.h"
#include "support/packet_fixtures.h"
#include "support/private_network.h"
#include "xdp/blocklist.h"

namespace mlguard::e2e {
namespace {

using namespace std::chrono_literals;
using support::wait_until;

constexpr const char* kPipe = "tcp://127.0.0.1:5571";  // of the sniffer's built-in configuration
constexpr int kSources = 100;

// From 10.0.0.SOURCE to 192.168.2.3, UDP, 12 bytes.
std::vector<std::uint8_t> udp_frame(int source) {
  auto frame = support::bytes_of_hex(support::hex::kMacs + support::hex::kIpv4Type +
                                     support::hex::ipv4("0020", "11") + support::hex::kUdp +
                                     "000102030405060708090a0b0c0d0e0f");
  constexpr std::size_t kLastByteOfSource = 14 + 15;
  frame[kLastByteOfSource] = static_cast<std::uint8_t>(source);
  return frame;
}

std::uint64_t number_at(const std::string& json, const std::string& pointer) {
  const std::string text = json_at(json, pointer);
  return text.empty() ? 0 : std::stoull(text);
}

class SnifferLiveTest : public LiveServerTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    support::make_cable("eth0", "wire0");
    support::make_cable("eth1", "wire1");
    ASSERT_NO_FATAL_FAILURE(start());
    ASSERT_TRUE(operator_client()->put_config("global", R"({"heartbeat":{"interval_s":1}})").ok());
  }
  void TearDown() override {
    if (geteuid() != 0) return;
    support::run_ip("link del eth0");
    support::run_ip("link del eth1");
    LiveServerTest::TearDown();
  }

  // The sealed page of the sniffer with its heartbeat's detail.
  std::string sniffer_page() {
    if (!admin_) admin_ = operator_client();
    const auto answer = admin_->call({"GET", "/components/sniffer", "", {}});
    return answer.ok() ? answer->body : std::string();
  }
  std::string detail(const std::string& member) {
    return json_at(sniffer_page(), "/heartbeat/detail/" + member);
  }
  bool sniffs(const std::string& interface) { return !detail("interfaces/" + interface).empty(); }
  support::CommandResult cli(const std::vector<std::string>& arguments) const {
    return support::ml_guard(server_, arguments);
  }
  support::CommandResult detach() const {
    support::ProcessOptions options;
    options.arguments = {support::binary("sniffer"), "--detach"};
    options.environment = agent_environment();
    return support::run_command(options);
  }
  static bool has_program(const std::string& interface) {
    return support::run_shell("ip link show " + interface).out.find("prog/xdp") !=
           std::string::npos;
  }

  // The kernel takes a program off when nobody uses it any more: soon, not at once.
  static bool is_off(const std::string& interface) {
    return wait_until([&] { return !has_program(interface); });
  }

  std::unique_ptr<etcd_client::Client> admin_;
};

// Sends frames of many sources, a few thousand a second, until it is told to stop.
class Traffic {
 public:
  explicit Traffic(const std::string& from) : sender_(from), thread_([this] { run(); }) {}
  ~Traffic() { stop(); }
  std::uint64_t stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return sent_;
  }

 private:
  void run() {
    while (!stopping_) {
      for (int source = 1; source <= kSources / 10; ++source) {
        sender_.send(udp_frame(static_cast<int>(sent_++ % kSources) + 1));
      }
      std::this_thread::sleep_for(2ms);
    }
  }

  support::FrameSender sender_;
  std::atomic<bool> stopping_ = false;
  std::uint64_t sent_ = 0;
  std::thread thread_;
};

// Takes batches as an ml-detector does, with keys from the control plane.
class Detector {
 public:
  explicit Detector(etcd_client::Client& client) {
    auto bound = pipeline::FlowReceiver::bind({kPipe}, clock_);
    EXPECT_TRUE(bound.ok());
    receiver_ = std::move(*bound);
    EXPECT_TRUE(wait_until([&] {
      const auto set = client.pipeline_keys();
      return set.ok() && !set->keys.empty() && receiver_->set_keys(set->keys).ok();
    }));
    thread_ = std::thread([this] { run(); });
  }
  ~Detector() {
    receiver_->stop();
    thread_.join();
  }

  // In the records so far; those that are told early are told again.
  std::uint64_t packets() const { return packets_; }
  // Nothing, or the reasons.
  std::string refused() const {
    const auto counters = receiver_->counters();
    std::string reasons;
    for (std::size_t i = 0; i < pipeline::kRefusals; ++i) {
      if (counters.refused[i] == 0) continue;
      reasons += std::to_string(counters.refused[i]) + " " +
                 pipeline::to_string(static_cast<pipeline::Refusal>(i)) + " ";
    }
    return reasons + counters.last_problem;
  }

 private:
  void run() {
    while (true) {
      const auto batch = receiver_->receive(100ms);
      if (!batch.ok()) return;
      if (!*batch) continue;
      for (const flow::FlowRecord& record : (*batch)->flows) {
        if (record.reason == flow::CloseReason::early) continue;
        packets_ += record.counters.side[0].packets + record.counters.side[1].packets;
      }
    }
  }

  base::SystemClock clock_;
  std::unique_ptr<pipeline::FlowReceiver> receiver_;
  std::atomic<std::uint64_t> packets_ = 0;
  std::thread thread_;
};

TEST_F(SnifferLiveTest, ConfigurationChangesAreInForceWithinAHeartbeatAndLoseNoPacket) {
  const auto detector_client = agent_client(base::Role::ml_detector, "ml-detector");
  ASSERT_NE(detector_client, nullptr);
  Detector detector(*detector_client);
  support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return sniffs("eth0"); })) << sniffer.err();
  Traffic traffic("wire0");
  ASSERT_TRUE(
      wait_until([&] { return number_at(sniffer_page(), "/heartbeat/detail/packets/seen") > 0; }));

  // Each change shows in a heartbeat: of one second, and one more for the answer's way. The rest is
  // for a machine that does other things as well.
  constexpr std::int64_t kWithinMs = 15'000;
  ASSERT_TRUE(
      cli({"config", "set", "sniffer", "capture.interfaces", R"(["eth0","eth1"])"}).exit.ok());
  EXPECT_TRUE(wait_until([&] { return sniffs("eth1"); }, kWithinMs)) << sniffer_page();
  ASSERT_TRUE(cli({"config", "set", "sniffer", "flow.idle_timeout_s", "1"}).exit.ok());
  ASSERT_TRUE(cli({"config", "set", "sniffer", "flow.active_timeout_s", "1"}).exit.ok());
  EXPECT_TRUE(wait_until([&] { return detector.packets() > 0; }, kWithinMs));
  EXPECT_EQ(detail("packets/sampled_out"), "0");
  ASSERT_TRUE(cli({"config", "set", "sniffer", "capture.sample_one_in", "4"}).exit.ok());
  EXPECT_TRUE(wait_until(
      [&] { return number_at(sniffer_page(), "/heartbeat/detail/packets/sampled_out") > 0; },
      kWithinMs));
  ASSERT_TRUE(cli({"config", "set", "sniffer", "capture.sample_one_in", "1"}).exit.ok());
  ASSERT_TRUE(cli({"config", "set", "sniffer", "flow.flows_max", "32768"}).exit.ok());
  // A value that is no good changes nothing.
  ASSERT_TRUE(cli({"config", "set", "sniffer", "flow.flows_max", "1"}).exit.ok());
  EXPECT_TRUE(wait_until(
      [&] {
        return detail("problem").find("flows_max") != std::string::npos ||
               json_at(sniffer_page(), "/says") == "degraded";
      },
      kWithinMs))
      << sniffer_page();
  ASSERT_TRUE(cli({"config", "set", "sniffer", "flow.flows_max", "32768"}).exit.ok());
  ASSERT_TRUE(cli({"config", "set", "sniffer", "capture.interfaces", R"(["eth0"])"}).exit.ok());
  EXPECT_TRUE(wait_until([&] { return !sniffs("eth1"); }, kWithinMs)) << sniffer_page();

  const std::uint64_t sent = traffic.stop();
  ASSERT_TRUE(wait_until([&] {
    return number_at(sniffer_page(), "/heartbeat/detail/packets/seen") == sent;
  })) << sent
      << sniffer_page();
  const std::string page = sniffer_page();
  const std::string packets = "/heartbeat/detail/packets/";
  const std::uint64_t in_flows = number_at(page, packets + "in_flows");
  EXPECT_EQ(in_flows + number_at(page, packets + "sampled_out"), sent) << page;
  EXPECT_EQ(json_at(page, packets + "passed_over"), "{}");
  EXPECT_EQ(number_at(page, packets + "lost_in_kernel"), 0U);
  EXPECT_EQ(number_at(page, "/heartbeat/detail/export/flows_shed"), 0U);

  sniffer.signal(SIGTERM);
  const auto ended = sniffer.wait_exit(support::kPatienceMs);
  ASSERT_TRUE(ended && ended->ok()) << sniffer.err();
  EXPECT_TRUE(wait_until([&] { return detector.packets() == in_flows; }))
      << detector.packets() << " of " << in_flows;
  EXPECT_EQ(detector.refused(), "");
  EXPECT_TRUE(is_off("eth0"));
}

TEST_F(SnifferLiveTest, BlockedAddressesStayBlockedThroughKill9AndTheNextSnifferTakesOver) {
  const auto blocklist = xdp::Blocklist::open(pins_.path());
  ASSERT_TRUE(blocklist.ok()) << blocklist.error().message;
  xdp::Block block;
  block.network.address = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 7};
  ASSERT_TRUE((*blocklist)->block({block}).ok());
  const auto dropped = [&] {
    const auto list = (*blocklist)->list();
    return list.ok() && list->size() == 1 ? list->front().packets : 0;
  };
  support::FrameSender wire("wire0");
  std::uint64_t sent = 0;
  const auto send_some = [&] {
    for (int i = 0; i < 500; ++i) wire.send(udp_frame(7));
    sent += 500;
    return wait_until([&] { return dropped() == sent; });
  };

  support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return sniffs("eth0"); })) << sniffer.err();
  EXPECT_TRUE(send_some()) << dropped();
  for (int round = 0; round < 3; ++round) {
    sniffer.kill_now();
    EXPECT_TRUE(send_some()) << dropped() << " in round " << round;
    sniffer = start_agent("sniffer", "sniffer");
    EXPECT_TRUE(wait_until([&] { return sniffer.err().find("attached") != std::string::npos; }))
        << sniffer.err();
    EXPECT_TRUE(send_some()) << dropped() << " in round " << round;
  }
  EXPECT_TRUE(wait_until([&] {
    return number_at(sniffer_page(), "/heartbeat/detail/packets/blocked") == 500;
  })) << sniffer_page();
  EXPECT_EQ(support::run_shell("ip -d link show eth0 | grep -c prog/xdp").out, "1\n");

  EXPECT_NE(detach().err.find("sniffer"), std::string::npos) << "one that runs is left alone";
  EXPECT_TRUE(has_program("eth0"));
  sniffer.kill_now();
  EXPECT_EQ(detach().out, "detached from eth0\n");
  EXPECT_TRUE(is_off("eth0"));
  EXPECT_EQ(support::run_shell("tc filter show dev eth0 egress").out, "");
  EXPECT_EQ(detach().out, "no sniffer has left anything attached\n");
}

// `rm -r` of the pins, or the BPF file system unmounted: the program goes with its pin.
TEST_F(SnifferLiveTest, ItAttachesAnewWhenItsPinsAreTakenAway) {
  support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return sniffs("eth0"); })) << sniffer.err();
  support::FrameSender wire("wire0");
  for (int i = 0; i < 300; ++i) wire.send(udp_frame(1));
  const auto seen = [&] { return number_at(sniffer_page(), "/heartbeat/detail/packets/seen"); };
  ASSERT_TRUE(wait_until([&] { return seen() == 300; })) << sniffer_page();

  support::run_shell("rm -r " + pins_.path());
  // What is on the interface before it says so may still be the old program.
  const auto attached_anew = [&] {
    const std::string log = sniffer.err();
    const std::size_t at = log.find("taken away");
    return at != std::string::npos && log.find("interface=eth0 xdp=", at) != std::string::npos;
  };
  ASSERT_TRUE(wait_until(attached_anew)) << sniffer.err();
  ASSERT_TRUE(has_program("eth0"));
  for (int i = 0; i < 200; ++i) wire.send(udp_frame(2));
  EXPECT_TRUE(wait_until([&] { return seen() == 500; })) << sniffer_page();
  const std::string page = sniffer_page();
  EXPECT_EQ(number_at(page, "/heartbeat/detail/packets/in_flows"), 500U) << page;
  EXPECT_EQ(number_at(page, "/heartbeat/detail/packets/lost_in_kernel"), 0U) << page;
  EXPECT_EQ(json_at(page, "/says"), "ok");
}

TEST_F(SnifferLiveTest, AMissingInterfaceIsShownAsDegradedWithItsReasonUntilItComes) {
  ASSERT_TRUE(
      operator_client()->put_config("sniffer", R"({"capture":{"interfaces":["eth9"]}})").ok());
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] {
    return json_at(page("/health"), "/components/sniffer/says") == "degraded";
  })) << sniffer.err();
  EXPECT_EQ(json_at(page("/health"), "/status"), "degraded");
  const auto health = cli({"health"});
  EXPECT_NE(health.out.find("degraded"), std::string::npos) << health.out;
  EXPECT_NE(health.err.find("ml-guard component get sniffer"), std::string::npos) << health.err;
  EXPECT_FALSE(cli({"health", "--check"}).exit.ok());
  const auto shown = cli({"component", "get", "sniffer"});
  EXPECT_NE(shown.out.find("eth9"), std::string::npos) << shown.out;

  support::make_cable("eth9", "wire9");
  EXPECT_TRUE(wait_until([&] { return cli({"health", "--check"}).exit.ok(); }));
  support::run_ip("link del eth9");
}

TEST_F(SnifferLiveTest, FlowsShowsWhoTalksMost) {
  const support::Process sniffer = start_agent("sniffer", "sniffer");
  ASSERT_TRUE(wait_until([&] { return sniffs("eth0"); })) << sniffer.err();
  EXPECT_NE(cli({"flows"}).out.find("no flows"), std::string::npos);
  const Traffic traffic("wire0");
  std::string shown;
  EXPECT_TRUE(wait_until([&] {
    shown = cli({"flows", "-o", "raw"}).out;
    return shown.find("10.0.0.") != std::string::npos;
  })) << shown;
  EXPECT_NE(shown.find("192.168.2.3:53\tUDP\t"), std::string::npos) << shown;
  EXPECT_TRUE(wait_until([&] {
    return json_array_size(cli({"flows", "-o", "json"}).out, "/flows") == 10U;
  }));
  const auto unknown = cli({"flows", "sniffer-nowhere"});
  EXPECT_FALSE(unknown.exit.ok());
  EXPECT_NE(unknown.err.find("sniffer-nowhere"), std::string::npos) << unknown.err;
}

}  // namespace
}  // namespace mlguard::e2e
