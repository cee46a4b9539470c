// The programs on real interfaces: attached, taken over after a crash, held by two, taken off.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "support/pin_folder.h"
#include "support/private_network.h"
#include "support/process.h"
#include "support/wait_until.h"
#include "tests/support/packet_fixtures.h"
#include "xdp/blocklist.h"
#include "xdp/data_plane.h"

namespace mlguard::xdp {
namespace {

using support::FrameSender;
using support::PacketFixture;
using support::plain_udp;
using support::run_shell;

constexpr auto kDeliveryMost = std::chrono::seconds(30);

class AttachTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    ASSERT_EQ(support::enter_private_network(), "");
    support::make_cable("here", "there");
  }
  void TearDown() override {
    if (geteuid() == 0) run_shell("ip link del here");
  }

  std::unique_ptr<DataPlane> load(Holder holder = Holder::sniffer) {
    DataPlaneOptions options;
    options.pin_folder = pins_.path();
    options.holder = holder;
    auto loaded = DataPlane::load(options);
    EXPECT_TRUE(loaded.ok()) << (loaded.ok() ? "" : loaded.error().message);
    return loaded.ok() ? std::move(*loaded) : nullptr;
  }
  static bool has_xdp() {
    return run_shell("ip -d link show here").out.find("prog/xdp") != std::string::npos;
  }
  // The kernel takes a program off when nobody uses it any more: soon, not at once.
  static bool is_off() {
    return support::wait_until([] { return !has_xdp(); });
  }
  static bool has_egress() {
    return run_shell("tc filter show dev here egress").out.find("sniff_egress") !=
           std::string::npos;
  }
  // Frames cross the cable in a softirq: soon, not at once.
  static std::uint64_t wait_for_seen(DataPlane& plane, mlg_point point, std::uint64_t count) {
    const auto end = std::chrono::steady_clock::now() + kDeliveryMost;
    std::uint64_t seen = 0;
    while (seen < count && std::chrono::steady_clock::now() < end) {
      const auto counters = plane.counters();
      if (counters.ok()) seen = (*counters)[point].seen;
    }
    return seen;
  }
  std::uint64_t dropped_of(const BlockedNetwork& network) {
    const auto list = Blocklist::open(pins_.path());
    if (!list.ok()) return 0;
    const auto entries = (*list)->list();
    if (!entries.ok()) return 0;
    for (const BlockInForce& entry : *entries) {
      if (entry.block.network == network) return entry.packets;
    }
    return 0;
  }
  BlockedNetwork block_the_sender() {
    BlockedNetwork sender;
    std::copy_n(parsed_.source, MLG_ADDRESS_BYTES, sender.address.begin());
    const auto list = Blocklist::open(pins_.path());
    EXPECT_TRUE(list.ok() && (*list)->block({{sender}}).ok());
    return sender;
  }
  void expect_drops(const BlockedNetwork& network) {
    const std::uint64_t before = dropped_of(network);
    FrameSender("there").send(udp_.bytes);
    const auto end = std::chrono::steady_clock::now() + kDeliveryMost;
    while (dropped_of(network) == before && std::chrono::steady_clock::now() < end) {
    }
    EXPECT_EQ(dropped_of(network), before + 1);
  }

  support::PinFolder pins_;
  const PacketFixture udp_ = plain_udp();
  const mlg_packet parsed_ = [this] {
    mlg_packet packet;
    mlg_parse_ethernet(udp_.bytes.data(), udp_.bytes.data() + udp_.bytes.size(), &packet);
    return packet;
  }();
};

TEST_F(AttachTest, ItCountsBothWaysAndLeavesNothingBehind) {
  const auto plane = load();
  const auto mode = plane->attach("here");
  ASSERT_TRUE(mode.ok()) << mode.error().message;
  EXPECT_EQ(*mode, AttachMode::native);
  EXPECT_TRUE(has_xdp());
  EXPECT_TRUE(has_egress());
  FrameSender from_there("there");
  FrameSender from_here("here");
  for (int i = 0; i < 3; ++i) from_there.send(udp_.bytes);
  for (int i = 0; i < 2; ++i) from_here.send(udp_.bytes);
  EXPECT_EQ(wait_for_seen(*plane, MLG_POINT_INGRESS, 3), 3U);
  EXPECT_EQ(wait_for_seen(*plane, MLG_POINT_EGRESS, 2), 2U);
  FlowRound round;
  ASSERT_TRUE(plane->read_round(round).ok());
  ASSERT_EQ(round.flows.size(), 1U);
  EXPECT_EQ(
      round.flows.front().counters.side[0].packets + round.flows.front().counters.side[1].packets,
      5U);
  ASSERT_TRUE(plane->detach("here").ok());
  EXPECT_TRUE(is_off());
  EXPECT_FALSE(has_egress());
  EXPECT_TRUE(attached_interfaces(pins_.path(), Holder::sniffer).empty());
}

TEST_F(AttachTest, ADriverWithoutXdpGetsTheGenericOne) {
  const auto plane = load();
  const auto mode = plane->attach("lo");
  ASSERT_TRUE(mode.ok()) << mode.error().message;
  EXPECT_EQ(*mode, AttachMode::generic);
  EXPECT_TRUE(plane->detach("lo").ok());
}

TEST_F(AttachTest, AfterKill9ItGoesOnDroppingAndTheNextOneTakesOver) {
  const BlockedNetwork sender = block_the_sender();
  const pid_t child = fork();
  if (child == 0) {
    const auto plane = load();
    const bool attached = plane && plane->attach("here").ok();
    if (attached) raise(SIGKILL);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(has_xdp());
  expect_drops(sender);
  EXPECT_EQ(attached_interfaces(pins_.path(), Holder::sniffer), std::vector<std::string>{"here"});
  for (int restart = 0; restart < 3; ++restart) {
    const auto plane = load();
    const auto mode = plane->attach("here");
    ASSERT_TRUE(mode.ok()) << mode.error().message;
    EXPECT_EQ(*mode, AttachMode::native);
    expect_drops(sender);
    FrameSender("here").send(udp_.bytes);
    EXPECT_EQ(wait_for_seen(*plane, MLG_POINT_EGRESS, 1), 1U);
  }
  const auto last = load();
  ASSERT_TRUE(last->attach("here").ok());
  ASSERT_TRUE(last->detach("here").ok());
  EXPECT_TRUE(is_off());
  EXPECT_FALSE(has_egress());
}

TEST_F(AttachTest, TheFirewallKeepsDroppingWhenTheSnifferStops) {
  const BlockedNetwork sender = block_the_sender();
  auto firewall = load(Holder::firewall);
  ASSERT_TRUE(firewall->attach("here").ok());
  EXPECT_FALSE(has_egress());
  expect_drops(sender);
  const auto sniffer = load(Holder::sniffer);
  ASSERT_TRUE(sniffer->attach("here").ok());
  EXPECT_TRUE(has_egress());
  expect_drops(sender);
  firewall.reset();  // as kill -9 does it
  const auto restarted = load(Holder::firewall);
  ASSERT_TRUE(restarted->attach("here").ok());
  FrameSender("here").send(udp_.bytes);
  EXPECT_EQ(wait_for_seen(*sniffer, MLG_POINT_EGRESS, 1), 1U) << "the sniffer was not replaced";
  ASSERT_TRUE(sniffer->detach("here").ok());
  EXPECT_FALSE(has_egress());
  expect_drops(sender);
  ASSERT_TRUE(restarted->detach("here").ok());
  EXPECT_TRUE(is_off());
}

TEST_F(AttachTest, TheSnifferStaysWhenTheFirewallStops) {
  const auto sniffer = load(Holder::sniffer);
  ASSERT_TRUE(sniffer->attach("here").ok());
  const auto firewall = load(Holder::firewall);
  ASSERT_TRUE(firewall->attach("here").ok());
  ASSERT_TRUE(firewall->detach("here").ok());
  FrameSender("there").send(udp_.bytes);
  EXPECT_EQ(wait_for_seen(*sniffer, MLG_POINT_INGRESS, 1), 1U);
  ASSERT_TRUE(sniffer->detach("here").ok());
  EXPECT_TRUE(is_off());
}

TEST_F(AttachTest, ASecondSnifferOnOneInterfaceIsRefusedAndTheFirstGoesOn) {
  const auto first = load();
  ASSERT_TRUE(first->attach("here").ok());
  const auto mode = load()->attach("here");
  ASSERT_FALSE(mode.ok());
  EXPECT_EQ(mode.error().reason, "held");
  FrameSender("there").send(udp_.bytes);
  EXPECT_EQ(wait_for_seen(*first, MLG_POINT_INGRESS, 1), 1U);
  EXPECT_TRUE(first->detach("here").ok());
}

TEST_F(AttachTest, AForeignProgramIsLeftAloneAndNamed) {
  const auto foreign = load();
  ASSERT_TRUE(foreign->attach("here").ok());
  const support::PinFolder elsewhere;
  DataPlaneOptions options;
  options.pin_folder = elsewhere.path();
  const auto ours = DataPlane::load(options);
  ASSERT_TRUE(ours.ok());
  const auto mode = (*ours)->attach("here");
  ASSERT_FALSE(mode.ok());
  EXPECT_EQ(mode.error().code, base::ErrorCode::conflict);
  EXPECT_NE(mode.error().message.find("ip link"), std::string::npos) << mode.error().message;
  FrameSender("there").send(udp_.bytes);
  EXPECT_EQ(wait_for_seen(*foreign, MLG_POINT_INGRESS, 1), 1U);
  EXPECT_TRUE(foreign->detach("here").ok());
}

TEST_F(AttachTest, AnInterfaceThatWasMadeAgainIsAttachedAnew) {
  ASSERT_TRUE(load()->attach("here").ok());
  support::run_ip("link del here");
  support::make_cable("here", "there");
  const auto plane = load();
  ASSERT_TRUE(plane->attach("here").ok());
  FrameSender("there").send(udp_.bytes);
  EXPECT_EQ(wait_for_seen(*plane, MLG_POINT_INGRESS, 1), 1U);
  EXPECT_TRUE(plane->detach("here").ok());
}

TEST_F(AttachTest, ANameMayHaveADotAsVlansDo) {
  support::make_cable("here.5", "there.5");
  const auto plane = load();
  const auto mode = plane->attach("here.5");
  ASSERT_TRUE(mode.ok()) << mode.error().message;
  EXPECT_EQ(attached_interfaces(pins_.path(), Holder::sniffer), std::vector<std::string>{"here.5"});
  EXPECT_TRUE(plane->detach("here.5").ok());
  support::run_ip("link del here.5");
}

TEST_F(AttachTest, AnUnknownInterfaceIsNotFound) {
  const auto mode = load()->attach("nowhere0");
  ASSERT_FALSE(mode.ok());
  EXPECT_EQ(mode.error().code, base::ErrorCode::not_found);
  EXPECT_NE(mode.error().message.find("nowhere0"), std::string::npos);
}

}  // namespace
}  // namespace mlguard::xdp
