#include "server/session_table.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/server/handshake_pair.h"

namespace mlguard::server {
namespace {

class SessionTableTest : public ::testing::Test {
 protected:
  SessionTable::Pointer make(const std::string& key, const std::string& token = "") {
    Identity identity;
    identity.role = base::Role::sniffer;
    identity.name = "sniffer";
    identity.key = key;
    return std::make_shared<Session>(test::make_channels().server, identity, token);
  }
  SessionTable::Pointer add(const std::string& key) {
    SessionTable::Pointer session = make(key);
    EXPECT_TRUE(table_.add(session, table_.epoch()).ok());
    return session;
  }

  base::ManualClock clock_;
  std::vector<std::string> ended_;
  SessionTable table_{
      {.sessions_max = 4, .per_key_max = 3, .idle_ms = 1'000, .unproven_idle_ms = 100},
      clock_,
      [this](const SessionTable::Pointer& session) { ended_.push_back(session->id()); }};
};

TEST_F(SessionTableTest, ASessionIsFoundByItsId) {
  const SessionTable::Pointer session = add("a");
  EXPECT_EQ(table_.find(session->id()), session);
  EXPECT_EQ(table_.find("00000000000000000000000000000000"), nullptr);
  EXPECT_EQ(table_.find(""), nullptr);
}

TEST_F(SessionTableTest, AnIdleSessionExpiresAndAUsedOneDoesNot) {
  const SessionTable::Pointer idle = add("a");
  const SessionTable::Pointer used = add("b");
  idle->state = used->state = Session::State::ready;
  clock_.advance_ms(900);
  table_.find(used->id());
  clock_.advance_ms(200);
  table_.expire();
  EXPECT_EQ(table_.find(idle->id()), nullptr);
  EXPECT_EQ(table_.find(used->id()), used);
  EXPECT_EQ(ended_, std::vector<std::string>{idle->id()});
  EXPECT_EQ(idle->state, Session::State::ended);
}

TEST_F(SessionTableTest, AWaitingLongPollCountsAsUse) {
  const SessionTable::Pointer session = add("a");
  session->state = Session::State::ready;
  session->waiting = 1;
  clock_.advance_ms(100'000);
  table_.expire();
  EXPECT_EQ(table_.find(session->id()), session);
}

TEST_F(SessionTableTest, AHandshakeThatWentNoFurtherExpiresSooner) {
  const SessionTable::Pointer session = add("a");
  clock_.advance_ms(200);
  table_.expire();
  EXPECT_EQ(table_.find(session->id()), nullptr);
}

TEST_F(SessionTableTest, AllSessionsOfARevokedKeyEndAtOnce) {
  const SessionTable::Pointer first = add("a");
  const SessionTable::Pointer second = add("a");
  const SessionTable::Pointer other = add("b");
  EXPECT_EQ(table_.end_of_key("a"), 2U);
  EXPECT_EQ(table_.find(first->id()), nullptr);
  EXPECT_EQ(table_.find(second->id()), nullptr);
  EXPECT_EQ(table_.find(other->id()), other);
  EXPECT_EQ(ended_.size(), 2U);
}

TEST_F(SessionTableTest, AHandshakeThatRacesARevocationIsRefused) {
  const std::uint64_t epoch = table_.epoch();
  table_.end_of_key("a");
  const base::Status added = table_.add(make("a"), epoch);
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().reason, "revoked_meanwhile");
}

TEST_F(SessionTableTest, AKeyWithTooManySessionsLosesItsOldest) {
  const SessionTable::Pointer oldest = add("a");
  clock_.advance_ms(1);
  add("a");
  clock_.advance_ms(1);
  add("a");
  clock_.advance_ms(1);
  add("a");
  EXPECT_EQ(table_.find(oldest->id()), nullptr);
  EXPECT_EQ(table_.size(), 3U);
}

TEST_F(SessionTableTest, AFullTableRefusesButUnprovenSessionsGiveWay) {
  for (const char* key : {"a", "b", "c", "d"}) add(key)->state = Session::State::ready;
  const base::Status refused = table_.add(make("e"), table_.epoch());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason, "too_many_sessions");

  table_.end_of_key("d");
  add("replayed");  // Stays unproven.
  clock_.advance_ms(2'000);
  const SessionTable::Pointer late = make("e");
  EXPECT_TRUE(table_.add(late, table_.epoch()).ok());
  EXPECT_EQ(table_.find(late->id()), late);
}

TEST_F(SessionTableTest, WhatArrivesDuringEnrolmentWaitsForItsOutcome) {
  const SessionTable::Pointer session = make("a", "0123456789abcdef");
  session->state = Session::State::enrolling;
  int ok = 0;
  EXPECT_TRUE(session->wait_for_enrolment([&](const base::Status& status) { ok += status.ok(); }));
  session->enrolled({});
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(session->state, Session::State::ready);
  EXPECT_FALSE(session->wait_for_enrolment([](const base::Status&) {}));
}

}  // namespace
}  // namespace mlguard::server
