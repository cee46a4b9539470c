#include "replicator/settings.h"

#include <gtest/gtest.h>

namespace mlguard::replicator {
namespace {

// The message of the refusal; empty when the settings are accepted.
std::string refusal(const Settings& settings) {
  const base::Status checked = validate(settings);
  return checked.ok() ? std::string() : checked.error().message;
}

TEST(ReplicationSettingsTest, TheDefaultsFitEachOther) { EXPECT_EQ(refusal(Settings{}), ""); }

TEST(ReplicationSettingsTest, AnElectionTimeoutMustOutliveTwoLostPings) {
  Settings settings;
  settings.election_timeout_ms = 250;
  EXPECT_NE(refusal(settings).find("election_timeout_ms (250 ms)"), std::string::npos);
  EXPECT_NE(refusal(settings).find("ping_interval_ms (100 ms)"), std::string::npos);
}

TEST(ReplicationSettingsTest, JitterMustNotUndoTheOrderOfRanks) {
  Settings settings;
  settings.election_jitter_ms = settings.rank_stagger_ms + 1;
  EXPECT_NE(refusal(settings).find("lowest port"), std::string::npos);
}

TEST(ReplicationSettingsTest, ALostLeaderIsReplacedNoLaterThanASilentOne) {
  Settings settings;
  settings.lost_leader_timeout_ms = settings.election_timeout_ms + 1;
  EXPECT_NE(refusal(settings).find("lost_leader_timeout_ms"), std::string::npos);
}

TEST(ReplicationSettingsTest, AWriteOutlivesAnElection) {
  Settings settings;
  settings.write_timeout_ms = settings.election_timeout_ms - 1;
  EXPECT_NE(refusal(settings).find("write_timeout_ms"), std::string::npos);
}

TEST(ReplicationSettingsTest, DurationsAreBoundedBothWays) {
  Settings settings;
  settings.storage_retry_ms = 0;
  EXPECT_NE(refusal(settings).find("storage_retry_ms (0 ms)"), std::string::npos);
  settings = {};
  settings.fetch_wait_ms = 60'001;
  EXPECT_NE(refusal(settings).find("fetch_wait_ms (60001 ms)"), std::string::npos);
}

TEST(ReplicationSettingsTest, AFetchIsNotRepeatedLaterThanItsWaitEnds) {
  Settings settings;
  settings.fetch_retry_ms = settings.fetch_wait_ms + 1;
  EXPECT_NE(refusal(settings).find("fetch_retry_ms"), std::string::npos);
  settings = {};
  settings.transfer_timeout_ms = settings.ping_interval_ms - 1;
  EXPECT_NE(refusal(settings).find("transfer_timeout_ms"), std::string::npos);
}

}  // namespace
}  // namespace mlguard::replicator
