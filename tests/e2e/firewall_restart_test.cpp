// The firewall killed, restarted without a server, stopped, and configured anew.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>

#include "base/unique_fd.h"
#include "firewall_fixture.h"
#include "support/temp_dir.h"

namespace mlguard::e2e {
namespace {

TEST_F(FirewallTest, KilledAndRestartedWithoutAServerItEnforcesWhatItKnew) {
  {
    support::Process firewall = start_firewall();
    add(kFar, "r1", "20s");  // As long as all below may take up to where it must be in force.
    add(kBystander, "r2", "1h");
    ASSERT_TRUE(in_force(kFar) && in_force(kBystander)) << firewall.err();
    firewall.kill_now();
  }
  server_.kill9();
  EXPECT_FALSE(answers(kFar)) << "the kernel goes on";
  run_shell("nft flush ruleset");  // As after a reboot.
  EXPECT_TRUE(answers(kBystander));
  const support::Process again = start_again();
  EXPECT_TRUE(in_force(kFar) && in_force(kBystander)) << again.err();
  EXPECT_FALSE(answers(kBystander));
  // It ends rules by itself, and goes on with the rest.
  EXPECT_TRUE(wait_until([&] { return answers(kFar); }, 60'000));
  EXPECT_FALSE(answers(kBystander));
  // When the server is back, it follows again.
  ASSERT_TRUE(server_.start().ok());
  cli({"rules", "rm", "r2"});
  EXPECT_TRUE(becomes_answered(kBystander));
}

// The network waits for that (packaging/systemd/firewall.service).
TEST_F(FirewallTest, ItIsReadyForSystemdWhenWhatItKnewIsInForceAgain) {
  {
    support::Process firewall = start_firewall();
    add(kFar, "r1");
    ASSERT_TRUE(in_force(kFar)) << firewall.err();
    firewall.kill_now();
  }
  server_.kill9();
  run_shell("nft flush ruleset");  // As after a reboot.
  const support::TempDir folder;
  const std::string path = folder / "notify";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(path.copy(address.sun_path, sizeof(address.sun_path) - 1), sizeof(address.sun_path));
  const base::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM, 0));
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  const timeval patience{20, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  support::Process again = start_again({{"NOTIFY_SOCKET", path}});
  std::array<char, 64> said{};
  const auto length = ::recv(socket.get(), said.data(), said.size(), 0);
  // What it would do after it said so does not count.
  again.signal(SIGSTOP);
  const std::string then = table();
  again.signal(SIGCONT);
  ASSERT_GT(length, 0) << again.err();
  EXPECT_EQ(std::string(said.data()), "READY=1");
  EXPECT_NE(then.find(kFar), std::string::npos) << then;
}

TEST_F(FirewallTest, AnAllowlistAndADryRunTakeEffectWithoutARestart) {
  const support::Process firewall = start_firewall();
  add(kFar, "r1");
  ASSERT_TRUE(in_force(kFar)) << firewall.err();
  const auto op = operator_client();
  ASSERT_TRUE(op->put_config("firewall", R"({"allowlist": ["192.0.2.0/29"]})").ok());
  EXPECT_TRUE(shows("r1", "192.0.2.0/29 is on the allowlist"));
  EXPECT_TRUE(becomes_answered(kFar));
  ASSERT_TRUE(op->put_config("firewall", R"({"rules_max": 1})").ok());
  ASSERT_TRUE(in_force(kFar));
  add(kBystander, "r2");
  EXPECT_TRUE(wait_until(
      [&] { return page("/components/firewall").find("degraded") != std::string::npos; }));
  ASSERT_TRUE(op->put_config("firewall", R"({"dry_run": true})").ok());
  EXPECT_TRUE(wait_until([&] { return table().empty(); }));
  EXPECT_TRUE(answers(kFar) && answers(kBystander));
}

TEST_F(FirewallTest, StoppedItLeavesTheBlocksAndClearTakesThemOut) {
  support::Process firewall = start_firewall({"--xdp", "here"});
  add(kFar, "r1");
  ASSERT_TRUE(in_force(kFar)) << firewall.err();
  firewall.signal(SIGTERM);
  ASSERT_TRUE(firewall.wait_exit(support::kPatienceMs).has_value());
  EXPECT_FALSE(answers(kFar));
  support::ProcessOptions clear;
  clear.arguments = {support::binary("firewall"), "--clear", "--pin-folder", pins_.path()};
  clear.environment = server_.environment();
  const support::CommandResult cleared = support::run_command(clear);
  EXPECT_TRUE(cleared.exit.ok()) << cleared.err;
  EXPECT_TRUE(answers(kFar));
  EXPECT_EQ(table(), "");
}

}  // namespace
}  // namespace mlguard::e2e
