// A firewall as it is run, beside a real etcd-server, in a network namespace of this process's own;
// the far end of its cable is a second one, from which packets come or do not. One thread.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "live.h"
#include "support/private_network.h"
#include "xdp/blocklist.h"

namespace mlguard::e2e {

using support::run_ip;
using support::run_shell;
using support::wait_until;

inline constexpr const char* kFar = "192.0.2.1";
inline constexpr const char* kBystander = "192.0.2.77";
inline constexpr const char* kOwn = "192.0.2.254";
inline constexpr const char* kGateway = "192.0.2.3";

class FirewallTest : public LiveServerTest {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(support::enter_private_network(), "");
    run_shell("nft flush ruleset");
    run_ip("netns add " + far());
    run_ip("link add here type veth peer name there netns " + far());
    run_ip("addr add " + std::string(kOwn) + "/24 dev here");
    run_ip("link set here up");
    run_ip("route add default via " + std::string(kGateway));
    for (const char* address : {kFar, kBystander}) {
      run_ip("-n " + far() + " addr add " + address + "/24 dev there");
    }
    run_ip("-n " + far() + " link set there up");
    ASSERT_NO_FATAL_FAILURE(start());
    const auto op = operator_client();
    ASSERT_TRUE(op->put_config("global", R"({"heartbeat": {"interval_s": 1}})").ok());
    ASSERT_TRUE(wait_until([&] { return answers(kFar); }));
  }
  void TearDown() override {
    if (geteuid() == 0) {
      // The cable first: a namespace goes, and takes it along, only some time after its deletion.
      run_shell("ip link del here; ip netns del " + far());
    }
    LiveServerTest::TearDown();
  }

  static std::string far() { return "mlg-fw-" + std::to_string(getpid()); }
  // Does this host answer a packet of that address?
  static bool answers(const std::string& from) {
    return run_shell("ip netns exec " + far() + " ping -c1 -W1 -I " + from + " " + kOwn).exit.ok();
  }
  // Waited for: what the firewall reports may be some moments older or younger than the kernel.
  static bool becomes_answered(const std::string& from) {
    return wait_until([&] { return answers(from); });
  }
  static bool becomes_blocked(const std::string& from) {
    return wait_until([&] { return !answers(from); });
  }
  static std::string table() { return run_shell("nft list table inet ml_guard").out; }

  support::Process start_firewall(std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--pin-folder", pins_.path()});
    return start_agent("firewall", "firewall", flags);
  }
  // Without a token: it has its credential.
  support::Process start_again(
      const std::vector<std::pair<std::string, std::string>>& environment = {}) {
    support::ProcessOptions options;
    options.arguments = {
        support::binary("firewall"), "--endpoints",  server_.endpoint(), "--credentials",
        credential_path("firewall"), "--pin-folder", pins_.path()};
    options.environment = server_.environment();
    options.environment.insert(options.environment.end(), environment.begin(), environment.end());
    return support::Process::start(options);
  }
  std::string cli(std::vector<std::string> arguments) {
    const support::CommandResult ran = support::ml_guard(server_, std::move(arguments));
    return ran.out + ran.err;
  }
  std::string add(const std::string& network, const std::string& id,
                  const std::string& ttl = "1h") {
    return cli({"rules", "add", network, "--id", id, "--ttl", ttl});
  }
  // What `rules show` says of it.
  bool shows(const std::string& id, const std::string& text) {
    return wait_until(
        [&] {
          return cli({"rules", "show", id}).find(text) != std::string::npos;
        },
        support::kPatienceMs, 100);
  }
  bool in_force(const std::string& network) {
    return wait_until([&] { return table().find(network) != std::string::npos; });
  }
  std::vector<xdp::BlockInForce> at_xdp() {
    const auto list = xdp::Blocklist::open(pins_.path());
    if (!list.ok()) return {};
    const auto entries = (*list)->list();
    return entries.ok() ? *entries : std::vector<xdp::BlockInForce>();
  }
};

}  // namespace mlguard::e2e
