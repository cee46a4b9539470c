// The pinned blocklist and the program on a real cable.
#include "firewall/xdp_enforcer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>

#include "firewall/dry_run_enforcer.h"
#include "support/pin_folder.h"
#include "support/private_network.h"
#include "support/process.h"
#include "support/wait_until.h"
#include "unit/firewall/networks.h"

namespace mlguard::firewall {
namespace {

using support::run_shell;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kXdpNow = 1'700'000'000'000;
using Ends = std::map<std::string, std::int64_t>;

// In seconds from now, rounded up to tens, since time goes on meanwhile; 0: never; what has ended
// is left out.
Ends ends_of(Enforcer& enforcer) {
  Ends all;
  const auto list = enforcer.list(kXdpNow);
  EXPECT_TRUE(list.ok());
  if (!list.ok()) return all;
  for (const HeldTarget& one : *list) {
    const std::int64_t end = one.target.expires_at_ms;
    if (end <= kXdpNow) continue;
    all[to_text(one.target.network)] = end == kNeverMs ? 0 : (end - kXdpNow + 9'900) / 10'000 * 10;
  }
  return all;
}

class XdpEnforcerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(support::enter_private_network(), "");
    enforcer_ = make();
  }
  std::unique_ptr<XdpEnforcer> make() {
    auto made = make_xdp_enforcer(pins_.path());
    EXPECT_TRUE(made.ok()) << (made.ok() ? "" : made.error().message);
    return made.ok() ? std::move(*made) : nullptr;
  }
  void change(TargetChange change) {
    const auto done = enforcer_->change(change, kXdpNow);
    ASSERT_TRUE(done.ok()) << done.error().message;
  }
  // The kernel takes a program off when nobody uses it any more: soon, not at once.
  static bool is_off(const std::string& interface) {
    return support::wait_until([&] {
      return run_shell("ip -d link show " + interface).out.find("prog/xdp") == std::string::npos;
    });
  }
  // As the kernel has them, without what the enforcer makes of it.
  Ends raw() {
    const auto other = make();
    return ends_of(*other);
  }

  support::PinFolder pins_;
  std::unique_ptr<XdpEnforcer> enforcer_;
};

// Not only an entry may go: `rm -r` of the pins takes maps and programs.
TEST_F(XdpEnforcerTest, PinsThatWereTakenAwayAreMadeAnew) {
  support::make_cable("gone0", "gone1");
  enforcer_->set_interfaces({"gone0"});
  ASSERT_TRUE(enforcer_->prepare().ok());
  change({{{net("192.0.2.1"), kNeverMs}, {net("198.51.100.0/24"), kNeverMs}}, {}});
  run_shell("rm -r " + pins_.path());
  EXPECT_TRUE(is_off("gone0"));

  const auto repaired = enforcer_->prepare();
  ASSERT_TRUE(repaired.ok()) << repaired.error().message;
  EXPECT_TRUE(*repaired);
  EXPECT_NE(run_shell("ip -d link show gone0").out.find("prog/xdp"), std::string::npos);
  // Empty maps, which the listing tells; what is written now is in the new ones.
  EXPECT_THAT(ends_of(*enforcer_), IsEmpty());
  change({{{net("192.0.2.1"), kNeverMs}, {net("198.51.100.0/24"), kNeverMs}}, {}});
  const Ends both = {{"192.0.2.1", 0}, {"198.51.100.0/24", 0}};
  EXPECT_EQ(raw(), both);
  const auto again = enforcer_->prepare();
  ASSERT_TRUE(again.ok());
  EXPECT_FALSE(*again);
}

TEST_F(XdpEnforcerTest, BlocksRetimesAndUnblocks) {
  change({{{net("192.0.2.1"), kXdpNow + 60'000},
           {net("198.51.100.0/24"), kXdpNow + 120'000},
           {net("2001:db8:1::/48"), kNeverMs}},
          {}});
  const Ends first = {{"192.0.2.1", 60}, {"198.51.100.0/24", 120}, {"2001:db8:1::/48", 0}};
  EXPECT_EQ(ends_of(*enforcer_), first);
  change({{{net("192.0.2.1"), kNeverMs}}, {net("198.51.100.0/24"), net("203.0.113.1")}});
  EXPECT_EQ(ends_of(*enforcer_), (Ends{{"192.0.2.1", 0}, {"2001:db8:1::/48", 0}}));
}

TEST_F(XdpEnforcerTest, APrefixInAWiderOneHoldsAsLongAsThatDoes) {
  change({{{net("10.0.0.0/8"), kXdpNow + 90'000}, {net("10.1.0.0/16"), kXdpNow + 30'000}}, {}});
  EXPECT_EQ(ends_of(*enforcer_), (Ends{{"10.0.0.0/8", 90}, {"10.1.0.0/16", 30}}));
  EXPECT_EQ(raw(), (Ends{{"10.0.0.0/8", 90}, {"10.1.0.0/16", 90}}));
  change({{}, {net("10.0.0.0/8")}});
  EXPECT_EQ(raw(), (Ends{{"10.1.0.0/16", 30}}));
  change({{{net("10.0.0.0/9"), kNeverMs}}, {}});
  EXPECT_EQ(raw(), (Ends{{"10.0.0.0/9", 0}, {"10.1.0.0/16", 0}}));
  EXPECT_EQ(ends_of(*enforcer_), (Ends{{"10.0.0.0/9", 0}, {"10.1.0.0/16", 30}}));
}

TEST_F(XdpEnforcerTest, AnInterfaceThatIsMissingIsToldAndTriedAgain) {
  enforcer_->set_interfaces({"later0"});
  ASSERT_TRUE(enforcer_->prepare().ok());
  EXPECT_THAT(enforcer_->problem(), HasSubstr("later0"));
  support::make_cable("later0", "later1");
  ASSERT_TRUE(enforcer_->prepare().ok());
  EXPECT_EQ(enforcer_->problem(), "");
  EXPECT_THAT(run_shell("ip -d link show later0").out, HasSubstr("xdp"));
  enforcer_->set_interfaces({});
  ASSERT_TRUE(enforcer_->prepare().ok());
  EXPECT_TRUE(is_off("later0"));
  support::run_ip("link del later0");
}

TEST_F(XdpEnforcerTest, PacketsAreDroppedUntilAllIsCleared) {
  const std::string far = "mlg-xdp-" + std::to_string(getpid());
  support::run_ip("netns add " + far);
  support::run_ip("link add here type veth peer name there netns " + far);
  support::run_ip("addr add 192.0.2.254/24 dev here");
  support::run_ip("link set here up");
  support::run_ip("netns exec " + far + " ip addr add 192.0.2.1/24 dev there");
  support::run_ip("netns exec " + far + " ip link set there up");
  const auto answers = [&] {
    return run_shell("ip netns exec " + far + " ping -c1 -W1 192.0.2.254").exit.ok();
  };
  enforcer_->set_interfaces({"here"});
  ASSERT_TRUE(enforcer_->prepare().ok());
  EXPECT_TRUE(answers());
  change({{{net("192.0.2.1"), kNeverMs}}, {}});
  EXPECT_FALSE(answers());
  const auto list = enforcer_->list(kXdpNow);
  ASSERT_TRUE(list.ok());
  ASSERT_EQ(list->size(), 1U);
  EXPECT_EQ(list->front().packets, 1U);
  enforcer_ = make();  // Another process, after a crash.
  EXPECT_FALSE(answers());
  ASSERT_TRUE(enforcer_->clear().ok());
  EXPECT_TRUE(answers());
  EXPECT_THAT(ends_of(*enforcer_), IsEmpty());
  EXPECT_TRUE(is_off("here"));
  support::run_ip("link del here");
  support::run_ip("netns del " + far);
}

TEST(DryRunEnforcerTest, HoldsWhatItWouldHold) {
  const auto dry = make_dry_run_enforcer();
  const TargetChange first{{{net("192.0.2.1"), kXdpNow + 60'000}, {net("10.0.0.0/8"), kNeverMs}},
                           {}};
  ASSERT_TRUE(dry->change(first, kXdpNow).ok());
  ASSERT_TRUE(dry->change({{}, {net("10.0.0.0/8")}}, kXdpNow).ok());
  EXPECT_EQ(ends_of(*dry), (Ends{{"192.0.2.1", 60}}));
  EXPECT_EQ(dry->drifted(), Drifted::no);
}

}  // namespace
}  // namespace mlguard::firewall
