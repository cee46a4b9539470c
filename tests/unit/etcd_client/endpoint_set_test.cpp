// Which endpoints a client knows, and in which order it asks them.
#include "etcd_client/endpoint_set.h"

#include <gtest/gtest.h>

namespace mlguard::etcd_client {
namespace {

using Texts = std::vector<std::string>;

class EndpointSetTest : public testing::Test {
 protected:
  EndpointSet make(const Texts& configured, Discovery discovery = Discovery::members) {
    return EndpointSet(*wire::parse_endpoints(configured), discovery, Introduction{}, clock_);
  }

  static wire::HandshakeWelcome welcome(Texts endpoints, std::string leader = "") {
    wire::HandshakeWelcome welcome;
    welcome.endpoints = std::move(endpoints);
    welcome.leader = std::move(leader);
    return welcome;
  }

  static Texts order(const EndpointSet& set, Aim aim = Aim::nearby) {
    Texts texts;
    for (const TargetPtr& target : set.round(aim, {})) texts.push_back(target->text());
    return texts;
  }

  static TargetPtr target(const EndpointSet& set, const std::string& text) {
    for (const TargetPtr& target : set.round(Aim::nearby, {})) {
      if (target->text() == text) return target;
    }
    ADD_FAILURE() << text << " is not known";
    return nullptr;
  }

  base::ManualClock clock_;
};

TEST_F(EndpointSetTest, LearntEndpointsJoinTheConfiguredOnes) {
  EndpointSet set = make({"a:1"});
  set.learn(welcome({"b:2", "a:1", "c:3", "b:2", "no endpoint"}));
  EXPECT_EQ(order(set), Texts({"a:1", "b:2", "c:3"}));
  EXPECT_EQ(set.text(), "a:1, b:2, c:3");
}

TEST_F(EndpointSetTest, TheNewestHandshakeReplacesWhatWasLearntButNeverWhatWasConfigured) {
  EndpointSet set = make({"a:1"});
  set.learn(welcome({"b:2", "c:3"}));
  const TargetPtr kept = target(set, "c:3");
  set.learn(welcome({"c:3", "d:4"}));
  EXPECT_EQ(order(set), Texts({"a:1", "c:3", "d:4"}));
  EXPECT_EQ(target(set, "c:3"), kept) << "with its connections and its session";
}

TEST_F(EndpointSetTest, AnOlderServerThatNamesNobodyTakesNothingAway) {
  EndpointSet set = make({"a:1"});
  set.learn(welcome({"b:2"}));
  set.learn(welcome({}));
  EXPECT_EQ(order(set), Texts({"a:1", "b:2"}));
}

TEST_F(EndpointSetTest, TheListIsBoundedAndHasRoomForTheLeader) {
  EndpointSet set = make({"a:1"});
  Texts many;
  for (int port = 1; port <= 40; ++port) many.push_back("m:" + std::to_string(port));
  set.learn(welcome(many, "m:40"));
  EXPECT_EQ(order(set).size(), kEndpointsMax);
  EXPECT_EQ(order(set, Aim::leader).front(), "m:40");
}

TEST_F(EndpointSetTest, AClientThatIsPinnedLearnsNothing) {
  EndpointSet set = make({"a:1"}, Discovery::fixed);
  set.learn(welcome({"b:2"}, "b:2"));
  set.learn_leader("b:2");
  EXPECT_EQ(order(set, Aim::leader), Texts({"a:1"}));
}

TEST_F(EndpointSetTest, TheLeaderGoesFirstForWhatOnlyItMayDo) {
  EndpointSet set = make({"a:1", "b:2", "c:3"});
  set.learn(welcome({"a:1", "b:2", "c:3"}, "b:2"));
  set.answered(target(set, "c:3"), Aim::nearby);
  EXPECT_EQ(order(set, Aim::leader), Texts({"b:2", "c:3", "a:1"}));
  EXPECT_EQ(order(set, Aim::nearby), Texts({"c:3", "a:1", "b:2"}));
  set.answered(target(set, "b:2"), Aim::leader);
  EXPECT_EQ(order(set, Aim::nearby).front(), "c:3") << "writes do not move the reads";
  set.learn_leader("a:1");
  EXPECT_EQ(order(set, Aim::leader).front(), "a:1");
}

TEST_F(EndpointSetTest, WithoutAKnownLeaderWhoeverAnsweredLastGoesFirst) {
  EndpointSet set = make({"a:1", "b:2"});
  set.learn(welcome({"a:1", "b:2"}, "a:1"));
  set.not_leading(target(set, "a:1"));
  set.answered(target(set, "b:2"), Aim::leader);
  EXPECT_EQ(order(set, Aim::leader).front(), "b:2");
}

TEST_F(EndpointSetTest, WhatCannotBeReachedGoesLastForAWhile) {
  EndpointSet set = make({"a:1", "b:2", "c:3"});
  set.learn(welcome({"a:1"}, "a:1"));
  set.unreachable(target(set, "a:1"), milliseconds(1));
  EXPECT_EQ(order(set, Aim::leader), Texts({"b:2", "c:3", "a:1"}));
  clock_.advance_ms(kUnreachableFor.count());
  EXPECT_EQ(order(set), Texts({"a:1", "b:2", "c:3"}));
}

TEST_F(EndpointSetTest, WhatTakesItsWholeTimeoutToFailIsLeftOutWhileOthersAreThere) {
  EndpointSet set = make({"a:1"});
  set.learn(welcome({"b:2"}));
  const TargetPtr near = target(set, "a:1");
  set.unreachable(target(set, "b:2"), milliseconds(1'000));
  EXPECT_EQ(order(set), Texts({"a:1"}));
  set.unreachable(near, milliseconds(1'000));
  EXPECT_EQ(order(set), Texts({"a:1", "b:2"})) << "there is nobody else";
  set.answered(near, Aim::nearby);
  EXPECT_EQ(order(set), Texts({"a:1"}));
  clock_.advance_ms(kUnreachableFor.count());
  EXPECT_EQ(order(set), Texts({"a:1", "b:2"}));
}

TEST_F(EndpointSetTest, WhoRefusesTheCredentialIsNotAskedAgain) {
  const EndpointSet set = make({"a:1", "b:2"});
  const TargetPtr refusing = target(set, "a:1");
  const auto left = set.round(Aim::leader, {refusing});
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0]->text(), "b:2");
  EXPECT_TRUE(set.round(Aim::leader, {refusing, left[0]}).empty());
}

TEST_F(EndpointSetTest, AnInstanceThatLagsIsLeftForTheNext) {
  EndpointSet set = make({"a:1", "b:2"});
  set.answered(target(set, "b:2"), Aim::nearby);
  set.leave_nearby();
  EXPECT_EQ(order(set).front(), "a:1");
  set.leave_nearby();
  EXPECT_EQ(order(set).front(), "b:2");
}

TEST_F(EndpointSetTest, AMissingLeaderIsAskedForNowAndThenInAClusterOnly) {
  EndpointSet set = make({"a:1", "b:2"});
  clock_.advance_ms(10 * kAskForLeaderEvery.count());
  EXPECT_FALSE(set.should_ask_for_leader()) << "an older server never says";
  set.learn(welcome({"a:1", "b:2"}));
  EXPECT_FALSE(set.should_ask_for_leader()) << "it has just been asked";
  clock_.advance_ms(kAskForLeaderEvery.count());
  EXPECT_TRUE(set.should_ask_for_leader());
  set.learn(welcome({"a:1", "b:2"}, "b:2"));
  clock_.advance_ms(kAskForLeaderEvery.count());
  EXPECT_FALSE(set.should_ask_for_leader());
}

}  // namespace
}  // namespace mlguard::etcd_client
