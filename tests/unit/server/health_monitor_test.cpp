#include "server/health_monitor.h"

#include <gtest/gtest.h>

namespace mlguard::server {
namespace {

using base::Health;

class HealthMonitorTest : public ::testing::Test {
 protected:
  HealthMonitorTest() {
    lease_.component.name = "sniffer";
    lease_.component.registered_at_ms = clock_.wall_ms();
    beat();
  }
  void beat() { lease_.last.received_at_ms = clock_.wall_ms(); }
  // Time passes second by second, with the monitor's loop running, and transitions are recorded.
  int pass_ms(std::int64_t ms) {
    int transitions = 0;
    for (std::int64_t passed = 0; passed < ms; passed += 1'000) {
      clock_.advance_ms(1'000);
      for (const HealthTransition& transition : monitor_.evaluate({lease_})) {
        lease_.component.health = transition.to;
        ++transitions;
      }
    }
    return transitions;
  }
  // Past the suspension that follows a start.
  void settle() {
    pass_ms(61'000);
    beat();
    pass_ms(1'000);
  }

  base::ManualClock clock_;
  HealthMonitor monitor_{{.late_ms = 15'000, .stale_ms = 60'000, .dead_ms = 600'000}, clock_};
  db::Lease lease_;
};

TEST_F(HealthMonitorTest, AComponentDeclinesFromHealthyToLateToStaleToDead) {
  settle();
  EXPECT_EQ(monitor_.health_of(lease_), Health::healthy);
  EXPECT_EQ(pass_ms(15'000), 1);
  EXPECT_EQ(lease_.component.health, Health::late);
  EXPECT_EQ(pass_ms(45'000), 1);
  EXPECT_EQ(lease_.component.health, Health::stale);
  EXPECT_EQ(pass_ms(540'000), 1);
  EXPECT_EQ(lease_.component.health, Health::dead);
  EXPECT_EQ(pass_ms(3'600'000), 0);
}

TEST_F(HealthMonitorTest, OneHeartbeatMakesItHealthyAgain) {
  settle();
  pass_ms(700'000);
  ASSERT_EQ(lease_.component.health, Health::dead);
  beat();
  EXPECT_EQ(monitor_.health_of(lease_), Health::healthy);
  EXPECT_EQ(pass_ms(1'000), 1);
  EXPECT_EQ(lease_.component.health, Health::healthy);
}

TEST_F(HealthMonitorTest, NobodyDeclinesForOneTtlAfterAStart) {
  EXPECT_TRUE(monitor_.expiry_suspended());
  EXPECT_EQ(pass_ms(59'000), 0);
  EXPECT_EQ(lease_.component.health, Health::healthy);
  EXPECT_GE(pass_ms(5'000), 1);
  EXPECT_EQ(lease_.component.health, Health::stale);
}

TEST_F(HealthMonitorTest, NobodyDeclinesForOneTtlAfterTheLoopStalled) {
  settle();
  clock_.advance_ms(30'000);  // The loop did not run: suspended laptop, slow disk.
  EXPECT_TRUE(monitor_.evaluate({lease_}).empty());
  EXPECT_TRUE(monitor_.expiry_suspended());
  EXPECT_EQ(pass_ms(20'000), 0);
  beat();
  EXPECT_EQ(pass_ms(10'000), 0);
}

TEST_F(HealthMonitorTest, AJumpOfTheWallClockDeclaresNobodyDead) {
  settle();
  clock_.jump_wall_ms(3'600'000);
  EXPECT_EQ(pass_ms(5'000), 0);
  EXPECT_EQ(monitor_.health_of(lease_), Health::healthy);
  beat();
  EXPECT_EQ(pass_ms(10'000), 0);
}

TEST_F(HealthMonitorTest, ARecoveryIsSeenDuringTheSuspension) {
  lease_.component.health = Health::stale;
  EXPECT_EQ(pass_ms(1'000), 1);
  EXPECT_EQ(lease_.component.health, Health::healthy);
}

TEST_F(HealthMonitorTest, ATransitionThatWasNotRecordedComesAgain) {
  settle();
  clock_.advance_ms(2'000);
  for (int i = 0; i < 8; ++i) {
    clock_.advance_ms(2'000);
    (void)monitor_.evaluate({lease_});
  }
  EXPECT_EQ(monitor_.evaluate({lease_}).size(), 1U);
  EXPECT_EQ(monitor_.evaluate({lease_}).size(), 1U);
}

TEST_F(HealthMonitorTest, WhoNeverBeatIsJudgedByItsRegistration) {
  settle();
  lease_.last.received_at_ms = 0;
  lease_.component.registered_at_ms = clock_.wall_ms() - 20'000;
  EXPECT_EQ(monitor_.health_of(lease_), Health::late);
}

TEST(HealthThresholdsTest, TheyMustRise) {
  EXPECT_TRUE(check({.late_ms = 1, .stale_ms = 2, .dead_ms = 3}).ok());
  EXPECT_FALSE(check({.late_ms = 0, .stale_ms = 2, .dead_ms = 3}).ok());
  EXPECT_FALSE(check({.late_ms = 2, .stale_ms = 2, .dead_ms = 3}).ok());
  EXPECT_FALSE(check({.late_ms = 1, .stale_ms = 3, .dead_ms = 3}).ok());
}

}  // namespace
}  // namespace mlguard::server
