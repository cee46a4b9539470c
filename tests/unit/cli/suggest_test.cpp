#include "cli/suggest.h"

#include <gtest/gtest.h>

#include "cli/command.h"

namespace mlguard::cli {
namespace {

TEST(SuggestTest, DistanceCountsInsertionsDeletionsSubstitutionsAndSwaps) {
  EXPECT_EQ(edit_distance("status", "status"), 0U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("statu", "status"), 1U);
  EXPECT_EQ(edit_distance("statsu", "status"), 1U);  // one swap
  EXPECT_EQ(edit_distance("stitus", "status"), 1U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(SuggestTest, TyposFindTheirCommand) {
  EXPECT_EQ(nearest("statsu", command_names()), "status");
  EXPECT_EQ(nearest("helath", command_names()), "health");
  EXPECT_EQ(nearest("rule", command_names()), "rules");
  EXPECT_EQ(nearest("confg", command_names()), "config");
  EXPECT_EQ(nearest("enrol", command_names()), "enroll");
}

TEST(SuggestTest, ABeginningOfOneCommandMeansIt) {
  EXPECT_EQ(nearest("det", command_names()), "detections");
  EXPECT_EQ(nearest("ver", {"verify", "version"}), "");
}

TEST(SuggestTest, NothingIsSuggestedForAWordThatIsNothingLikeACommand) {
  EXPECT_EQ(nearest("kubernetes", command_names()), "");
  EXPECT_EQ(nearest("x", command_names()), "");
}

}  // namespace
}  // namespace mlguard::cli
