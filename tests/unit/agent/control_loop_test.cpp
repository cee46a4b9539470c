#include "agent/control_loop.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "scripted_client.h"

namespace mlguard::agent {
namespace {

using base::ErrorCode;

class ControlLoopTest : public testing::Test {
 protected:
  ControlLoop make_loop(const std::string& document = R"({"from":"file"})") {
    AgentCallbacks callbacks;
    callbacks.apply_config = [this](const base::ConfigVersion& config) -> base::Status {
      if (config.document.find("bad") != std::string::npos) {
        return base::Error{ErrorCode::invalid_argument, "unknown_key", "there is no key 'bad'"};
      }
      applied_.push_back(config.document);
      if (while_applying_) while_applying_();
      return {};
    };
    callbacks.apply_global_config = [this](const base::ConfigVersion& config) -> base::Status {
      applied_global_.push_back(config.document);
      return {};
    };
    callbacks.heartbeat_detail = [] { return std::string(R"({"packets":7})"); };
    callbacks.health = [this] { return health_; };
    callbacks.rules_moved = [this](std::uint64_t revision) { rules_.push_back(revision); };
    callbacks.apply_pipeline_keys =
        [this](const std::vector<base::PipelineKey>& keys) -> base::Status {
      if (keys.empty()) return base::Error{ErrorCode::invalid_argument, "no_keys", "none at all"};
      applied_keys_.push_back(keys.back().id);
      return {};
    };
    ControlOptions options;
    options.component.name = "sniffer";
    options.component.instance_id = "instance";
    options.document = document;
    return ControlLoop(options, std::move(callbacks), client_, clock_);
  }

  base::Status health_;
  test::ScriptedClient client_;
  base::ManualClock clock_;
  std::vector<std::string> applied_;
  std::vector<std::string> applied_global_;
  std::vector<std::uint64_t> rules_;
  std::vector<std::uint64_t> applied_keys_;
  std::function<void()> while_applying_;
};

TEST_F(ControlLoopTest, TheFirstRoundRegistersUploadsAppliesAndBeats) {
  ControlLoop loop = make_loop();
  const auto step = loop.step();
  EXPECT_FALSE(step.exit_code.has_value());
  EXPECT_TRUE(loop.registered());
  EXPECT_EQ(client_.calls, std::vector<std::string>({"register sniffer", "get sniffer",
                                                     "put sniffer", "get sniffer", "heartbeat"}));
  EXPECT_EQ(applied_, std::vector<std::string>({R"({"from":"file"})"}));
  ASSERT_EQ(client_.applied.size(), 1U);
  EXPECT_EQ(client_.applied[0].resource, "config");
  EXPECT_EQ(client_.applied[0].revision, 1U);
  EXPECT_EQ(client_.applied[0].digest, "sha-1");
}

TEST_F(ControlLoopTest, WhileAStepHangsThePulseBeatsOn) {
  ControlLoop loop = make_loop();
  EXPECT_GT(loop.pulse().count(), 0);
  EXPECT_TRUE(client_.beats.empty()) << "nobody beats before it is registered";
  while_applying_ = [&] {
    EXPECT_GT(loop.pulse().count(), 0);
    EXPECT_TRUE(client_.beats.empty()) << "just registered";
    for (int i = 1; i <= 3; ++i) {
      clock_.advance_ms(10'000);
      EXPECT_EQ(loop.pulse(), client_.interval);
      EXPECT_EQ(client_.beats.size(), static_cast<std::size_t>(i));
    }
  };
  loop.step();
  ASSERT_EQ(client_.beats.size(), 4U);
  for (std::size_t i = 0; i < client_.beats.size(); ++i) EXPECT_EQ(client_.beats[i].seq, i + 1);
  EXPECT_EQ(client_.beats.back().detail, R"({"packets":7})");
  loop.pulse();
  EXPECT_EQ(client_.beats.size(), 4U) << "the step has just beaten itself";
}

TEST_F(ControlLoopTest, AConfigurationThatIsThereAlreadyIsNotOverwritten) {
  client_.put("sniffer", 5, R"({"from":"operator"})");
  ControlLoop loop = make_loop();
  (void)loop.step();
  EXPECT_EQ(applied_, std::vector<std::string>({R"({"from":"operator"})"}));
  EXPECT_EQ(std::count(client_.calls.begin(), client_.calls.end(), "put sniffer"), 0);
}

TEST_F(ControlLoopTest, WhenAnotherUploadsFirstTheirsCounts) {
  ControlLoop loop = make_loop();
  client_.fail_once["put"] = {ErrorCode::precondition_failed, "version_mismatch", "version is 1"};
  (void)loop.step();
  EXPECT_TRUE(applied_.empty()) << "it is fetched with the next beat";
  client_.put("sniffer", 1, R"({"from":"other"})");
  (void)loop.step();
  EXPECT_EQ(applied_, std::vector<std::string>({R"({"from":"other"})"}));
}

TEST_F(ControlLoopTest, AQuietRoundIsOneHeartbeatAndNothingElse) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.calls.clear();
  for (int i = 0; i < 3; ++i) (void)loop.step();
  EXPECT_EQ(client_.calls, std::vector<std::string>(3, "heartbeat"));
  ASSERT_EQ(client_.beats.size(), 4U);
  EXPECT_EQ(client_.beats[0].seq, 1U);
  EXPECT_EQ(client_.beats[3].seq, 4U);
  EXPECT_EQ(client_.beats[3].status, "ok");
  EXPECT_EQ(client_.beats[3].detail, R"({"packets":7})");
}

TEST_F(ControlLoopTest, ANewVersionIsFetchedOnceAndApplied) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.put("sniffer", 2, R"({"new":2})");
  (void)loop.step();
  client_.calls.clear();
  (void)loop.step();
  EXPECT_EQ(applied_.back(), R"({"new":2})");
  EXPECT_EQ(client_.applied.back().revision, 2U);
  EXPECT_EQ(client_.calls, std::vector<std::string>({"heartbeat"}));
}

TEST_F(ControlLoopTest, AnInstanceThatLagsNeverBringsAnOldVersionBack) {
  client_.put("sniffer", 5, R"({"v":5})");
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.lagging = client_.configs["sniffer"];
  client_.lagging->version = 4;
  client_.lagging->document = R"({"v":4})";
  client_.put("sniffer", 6, R"({"v":6})");
  client_.calls.clear();
  (void)loop.step();
  EXPECT_EQ(client_.calls, std::vector<std::string>({"heartbeat", "get sniffer", "get sniffer 6"}));
  EXPECT_EQ(applied_, std::vector<std::string>({R"({"v":5})", R"({"v":6})"}));
  client_.knows_component = false;  // It registers again, and the lagging instance still answers.
  for (int i = 0; i < 3; ++i) (void)loop.step();
  EXPECT_EQ(applied_.size(), 2U);
}

TEST_F(ControlLoopTest, AStateRestoredToAnEarlierVersionIsFollowed) {
  client_.put("sniffer", 5, R"({"v":5})");
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.put("sniffer", 3, R"({"v":3})");
  (void)loop.step();
  EXPECT_EQ(applied_.back(), R"({"v":3})");
}

TEST_F(ControlLoopTest, AnOutageWithManyFacesIsTwoLinesInTheLog) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  testing::internal::CaptureStderr();
  for (const char* reason : {"no_leader", "no_endpoint", "no_quorum", "no_leader"}) {
    client_.outage = base::Error{ErrorCode::unavailable, reason, "away"};
    (void)loop.step();
  }
  client_.outage = base::Error{ErrorCode::timeout, "outcome_unknown", "away"};
  (void)loop.step();
  client_.outage.reset();
  (void)loop.step();
  (void)loop.step();
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
  EXPECT_TRUE(loop.registered());
}

TEST_F(ControlLoopTest, ARefusedVersionIsReportedAsDegradedUntilAGoodOneComes) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.put("sniffer", 2, R"({"bad":1})");
  (void)loop.step();
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "degraded");
  const auto detail = nlohmann::json::parse(client_.beats.back().detail);
  EXPECT_EQ(detail["packets"], 7);
  EXPECT_NE(detail["problem"].get<std::string>().find("no key 'bad'"), std::string::npos);
  EXPECT_EQ(client_.applied.back().revision, 1U) << "the last good one stays in force";
  client_.put("sniffer", 3, R"({"good":1})");
  (void)loop.step();
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "ok");
}

TEST_F(ControlLoopTest, TheGlobalConfigurationIsFollowedAndCheckedByItsSchema) {
  ControlLoop loop = make_loop();
  client_.put("global", 1, R"({"heartbeat":{"interval_s":2}})");
  (void)loop.step();
  EXPECT_EQ(applied_global_.size(), 1U);
  ASSERT_FALSE(client_.applied.empty());
  EXPECT_EQ(client_.applied.back().resource, "global");
  EXPECT_EQ(client_.applied.back().component, "sniffer");
  EXPECT_EQ(client_.applied.back().revision, 1U);
  const std::size_t reports = client_.applied.size();
  const auto step = loop.step();
  EXPECT_LE(step.pause.count(), 2'000) << "the site may ask for more beats than the server";
  client_.put("global", 2, R"({"hartbeat":{}})");
  (void)loop.step();
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "degraded");
  EXPECT_NE(client_.beats.back().detail.find("hartbeat"), std::string::npos);
  EXPECT_EQ(applied_global_.size(), 1U);
  EXPECT_EQ(client_.applied.size(), reports) << "it is not in force";
}

TEST_F(ControlLoopTest, TheServersIntervalIsKeptAndNeverStretched) {
  client_.interval = etcd_client::milliseconds(1'000);
  ControlLoop loop = make_loop();
  for (int i = 0; i < 50; ++i) {
    const auto pause = loop.step().pause.count();
    EXPECT_GE(pause, 900);
    EXPECT_LE(pause, 1'000);
  }
}

TEST_F(ControlLoopTest, AnUnknownComponentRegistersAgain) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.knows_component = false;
  const auto step = loop.step();
  EXPECT_FALSE(loop.registered());
  EXPECT_LE(step.pause.count(), 100);
  (void)loop.step();
  EXPECT_TRUE(loop.registered());
  EXPECT_TRUE(client_.knows_component);
}

TEST_F(ControlLoopTest, AnOutageIsSurvivedWithShortPauses) {
  client_.outage = base::Error{ErrorCode::unavailable, "no_endpoint", "nobody answers"};
  ControlLoop loop = make_loop();
  for (int i = 0; i < 5; ++i) {
    const auto step = loop.step();
    EXPECT_FALSE(step.exit_code.has_value());
    EXPECT_LE(step.pause.count(), 1'000);
  }
  client_.outage.reset();
  (void)loop.step();
  EXPECT_TRUE(loop.registered());
  EXPECT_EQ(client_.beats.size(), 1U);
}

TEST_F(ControlLoopTest, ARefusalBeforeTheFirstRegistrationEndsTheAgent) {
  ControlLoop loop = make_loop();
  client_.outage = base::Error{ErrorCode::permission_denied, "name_taken", "held by another"};
  EXPECT_EQ(loop.step().exit_code, 4);
}

TEST_F(ControlLoopTest, ARefusalLaterDoesNotEndIt) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  client_.outage = base::Error{ErrorCode::unauthenticated, "not_enrolled", "revoked"};
  EXPECT_FALSE(loop.step().exit_code.has_value()) << "what it protects stays protected";
}

TEST_F(ControlLoopTest, MovedRulesAreToldOncePerRevision) {
  ControlLoop loop = make_loop();
  client_.heads.rules_revision = 3;
  (void)loop.step();
  (void)loop.step();
  client_.heads.rules_revision = 4;
  (void)loop.step();
  EXPECT_EQ(rules_, std::vector<std::uint64_t>({3, 4}));
}

TEST_F(ControlLoopTest, PipelineKeysAreFetchedOncePerRevision) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  EXPECT_TRUE(applied_keys_.empty()) << "there are none yet";
  client_.keys = {{1, std::string(32, 'a')}};
  client_.heads.pipeline_keys_revision = 3;
  (void)loop.step();
  (void)loop.step();
  client_.keys.push_back({2, std::string(32, 'b')});
  client_.heads.pipeline_keys_revision = 4;
  (void)loop.step();
  EXPECT_EQ(applied_keys_, std::vector<std::uint64_t>({1, 2}));
}

TEST_F(ControlLoopTest, PipelineKeysThatAreNotTakenAreReportedAndOfferedAgain) {
  ControlLoop loop = make_loop();
  client_.heads.pipeline_keys_revision = 3;
  (void)loop.step();
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "degraded");
  EXPECT_NE(client_.beats.back().detail.find("none at all"), std::string::npos);
  client_.keys = {{1, std::string(32, 'a')}};
  (void)loop.step();
  (void)loop.step();
  EXPECT_EQ(applied_keys_, std::vector<std::uint64_t>({1}));
  EXPECT_EQ(client_.beats.back().status, "ok");
}

TEST_F(ControlLoopTest, PipelineKeysThatCannotBeHadNowAreFetchedWithALaterBeat) {
  ControlLoop loop = make_loop();
  client_.keys = {{1, std::string(32, 'a')}};
  client_.heads.pipeline_keys_revision = 3;
  client_.fail_once["pipeline-keys"] = {ErrorCode::unavailable, "no_quorum", "later"};
  (void)loop.step();
  EXPECT_TRUE(applied_keys_.empty());
  (void)loop.step();
  EXPECT_EQ(applied_keys_, std::vector<std::uint64_t>({1}));
}

TEST_F(ControlLoopTest, WhatGoesWrongInTheComponentIsToldWithTheSameBeat) {
  ControlLoop loop = make_loop();
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "ok");
  EXPECT_EQ(client_.beats.back().detail, R"({"packets":7})");
  health_ = base::Error{ErrorCode::unavailable, "not_attached", "there is no eth9"};
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "degraded");
  EXPECT_EQ(client_.beats.back().detail, R"({"packets":7,"problem":"there is no eth9"})");
  health_ = {};
  (void)loop.step();
  EXPECT_EQ(client_.beats.back().status, "ok");
}

}  // namespace
}  // namespace mlguard::agent
