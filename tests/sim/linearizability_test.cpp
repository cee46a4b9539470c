#include "linearizability.h"

#include <gtest/gtest.h>

#include "random.h"

namespace mlguard::sim {
namespace {

constexpr std::uint64_t kStepsMax = 1'000'000;

Operation write(std::int64_t called, std::int64_t returned, std::string value) {
  return {"k", OperationKind::write, std::move(value), "", true, called, returned, "write"};
}
Operation read(std::int64_t called, std::int64_t returned, std::string value) {
  return {"k", OperationKind::read, std::move(value), "", true, called, returned, "read"};
}
Operation swap(std::int64_t called, std::int64_t returned, std::string expected, std::string value,
               bool succeeded) {
  return {"k",
          OperationKind::compare_and_set,
          std::move(value),
          std::move(expected),
          succeeded,
          called,
          returned,
          "swap"};
}
Verdict verdict(const std::vector<Operation>& history) {
  return check_linearizable(history, kStepsMax).verdict;
}

TEST(LinearizabilityTest, AnEmptyHistoryIsLinearizable) {
  EXPECT_EQ(verdict({}), Verdict::linearizable);
}

TEST(LinearizabilityTest, AReadSeesTheWriteBeforeIt) {
  EXPECT_EQ(verdict({write(0, 1, "a"), read(2, 3, "a")}), Verdict::linearizable);
}

TEST(LinearizabilityTest, AStaleReadAfterAWriteIsAViolation) {
  EXPECT_EQ(verdict({write(0, 1, "a"), write(2, 3, "b"), read(4, 5, "a")}), Verdict::violated);
}

TEST(LinearizabilityTest, AReadOfAbsenceAfterAWriteIsAViolation) {
  EXPECT_EQ(verdict({write(0, 1, "a"), read(2, 3, "")}), Verdict::violated);
}

TEST(LinearizabilityTest, AReadOfWhatNobodyWroteIsAViolation) {
  EXPECT_EQ(verdict({write(0, 1, "a"), read(2, 3, "z")}), Verdict::violated);
}

TEST(LinearizabilityTest, AConcurrentReadMaySeeEitherValue) {
  EXPECT_EQ(verdict({write(0, 1, "a"), write(2, 9, "b"), read(3, 4, "a")}), Verdict::linearizable);
  EXPECT_EQ(verdict({write(0, 1, "a"), write(2, 9, "b"), read(3, 4, "b")}), Verdict::linearizable);
}

TEST(LinearizabilityTest, TwoReadsDuringAWriteMustNotGoBack) {
  EXPECT_EQ(verdict({write(0, 1, "a"), write(2, 9, "b"), read(3, 4, "b"), read(5, 6, "a")}),
            Verdict::violated);
}

TEST(LinearizabilityTest, AnUnansweredWriteMayHappenLateOrNever) {
  EXPECT_EQ(
      verdict({write(0, 1, "a"), write(2, kNeverReturned, "b"), read(3, 4, "a"), read(5, 6, "b")}),
      Verdict::linearizable);
  EXPECT_EQ(verdict({write(0, 1, "a"), write(2, kNeverReturned, "b"), read(9, 10, "a")}),
            Verdict::linearizable);
}

TEST(LinearizabilityTest, AnUnansweredWriteHappensOnceOnly) {
  EXPECT_EQ(
      verdict({write(0, kNeverReturned, "b"), read(3, 4, "b"), write(5, 6, "a"), read(7, 8, "b")}),
      Verdict::violated);
}

TEST(LinearizabilityTest, AWriteCannotBeSeenBeforeItsCall) {
  EXPECT_EQ(verdict({read(0, 1, "a"), write(2, 3, "a")}), Verdict::violated);
}

TEST(LinearizabilityTest, OfTwoSwapsFromOneValueOnlyOneSucceeds) {
  EXPECT_EQ(verdict({write(0, 1, "a"), swap(2, 9, "a", "b", true), swap(2, 9, "a", "c", true)}),
            Verdict::violated);
  EXPECT_EQ(verdict({write(0, 1, "a"), swap(2, 9, "a", "b", true), swap(2, 9, "a", "c", false)}),
            Verdict::linearizable);
}

TEST(LinearizabilityTest, ASwapThatFailsThoughItsValueWasThereIsAViolation) {
  EXPECT_EQ(verdict({write(0, 1, "a"), swap(2, 3, "a", "b", false)}), Verdict::violated);
}

TEST(LinearizabilityTest, AnUnansweredSwapMaySucceedOrFail) {
  EXPECT_EQ(verdict({write(0, 1, "a"), swap(2, kNeverReturned, "a", "b", true), read(3, 4, "b")}),
            Verdict::linearizable);
  EXPECT_EQ(verdict({write(0, 1, "a"), swap(2, kNeverReturned, "x", "b", true), read(3, 4, "b")}),
            Verdict::violated);
}

TEST(LinearizabilityTest, KeysDoNotInfluenceEachOther) {
  Operation other = read(2, 3, "");
  other.key = "other";
  EXPECT_EQ(verdict({write(0, 1, "a"), other}), Verdict::linearizable);
}

TEST(LinearizabilityTest, AViolationNamesItsKeyAndOperations) {
  const auto report = check_linearizable({write(0, 1, "a"), read(2, 3, "z")}, kStepsMax);
  EXPECT_NE(report.explanation.find("key k"), std::string::npos);
  EXPECT_NE(report.explanation.find("read"), std::string::npos);
}

TEST(LinearizabilityTest, TheSearchIsBounded) {
  EXPECT_EQ(check_linearizable({write(0, 1, "a"), read(2, 3, "z")}, 1).verdict, Verdict::undecided);
}

// Histories made by a real register with random overlap are accepted; with one read spoiled to an
// overwritten value outside its window they are not.
TEST(LinearizabilityTest, RandomHistoriesOfARealRegisterAreAcceptedAndSpoiledOnesAreNot) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Random random(seed);
    std::vector<Operation> history;
    std::string value;
    for (std::int64_t i = 0; i < 60; ++i) {
      // Each takes effect at time 10 × i, and its window spills over its neighbours.
      const std::int64_t at = 10 * i;
      const std::int64_t called = at - random.between(0, 25);
      const std::int64_t returned = at + random.between(0, 25);
      if (random.chance(50)) {
        value = std::to_string(i);
        history.push_back(write(called, returned, value));
      } else {
        history.push_back(read(called, returned, value));
      }
    }
    ASSERT_EQ(verdict(history), Verdict::linearizable) << "seed " << seed;
    history.push_back(write(10'000, 10'001, "late"));
    history.push_back(read(10'002, 10'003, value.empty() ? "0" : value));
    ASSERT_EQ(verdict(history), Verdict::violated) << "seed " << seed;
  }
}

TEST(LinearizabilityTest, WhatWasNeverAnsweredIsSettledByWhoSawItOrLeftOut) {
  const auto operation = [](OperationKind kind, const char* value, const char* expected,
                            std::int64_t called, std::int64_t returned) {
    Operation made;
    made.key = "k";
    made.kind = kind;
    made.value = value;
    made.expected = expected;
    made.called = called;
    made.returned = returned;
    return made;
  };
  const std::vector<Operation> settled = settle_unanswered({
      operation(OperationKind::write, "never seen", "", 1, kNeverReturned),
      operation(OperationKind::write, "a", "", 2, kNeverReturned),
      // A chain: whoever saw b proves that a stood before.
      operation(OperationKind::compare_and_set, "b", "a", 3, kNeverReturned),
      operation(OperationKind::read, "b", "", 8, 10),
      operation(OperationKind::read, "b", "", 11, 12),
  });
  ASSERT_EQ(settled.size(), 4U);
  for (const Operation& each : settled) {
    EXPECT_NE(each.value, "never seen");
    EXPECT_LE(each.returned, 12);
  }
  EXPECT_EQ(settled.back().value, "a");
  EXPECT_EQ(settled.back().returned, 10);
  EXPECT_EQ(check_linearizable(settled, 1'000).verdict, Verdict::linearizable);
}

}  // namespace
}  // namespace mlguard::sim
