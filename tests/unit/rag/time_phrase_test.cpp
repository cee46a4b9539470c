#include "rag/time_phrase.h"

#include <gtest/gtest.h>

#include "base/time_format.h"
#include "rag/time_text.h"

namespace mlguard::rag {
namespace {

// Thursday, 2026-11-26 15:30 UTC.
constexpr const char* kNow = "2026-11-26T15:30:00Z";

std::int64_t ms(const std::string& iso) { return *base::parse_iso_time_ms(iso); }

std::optional<TimePhrase> phrase_in(const std::string& text, int offset_min = 0) {
  return find_time_phrase(split_words(text), ms(kNow), offset_min);
}

std::string range_in(const std::string& text, int offset_min = 0) {
  const auto found = phrase_in(text, offset_min);
  if (!found) return "none";
  const auto iso = [](const std::optional<std::int64_t>& time) {
    return time ? base::iso_time(*time).substr(5, 11) : std::string("-");
  };
  return iso(found->from_ms) + " " + iso(found->until_ms);
}

TEST(TimePhraseTest, DaysAreCountedFromTheAskersMidnight) {
  EXPECT_EQ(range_in("what changed today"), "11-26T00:00 -");
  EXPECT_EQ(range_in("what changed today", 60), "11-25T23:00 -");
  EXPECT_EQ(range_in("attacks yesterday"), "11-25T00:00 11-26T00:00");
  EXPECT_EQ(range_in("what changed since yesterday"), "11-25T00:00 -");
  EXPECT_EQ(range_in("what changed since yesterday?", -300), "11-25T05:00 -");
}

TEST(TimePhraseTest, NightsEveningsAndWeeksAreStretches) {
  EXPECT_EQ(range_in("what happened last night"), "11-25T18:00 11-26T08:00");
  EXPECT_EQ(range_in("anything overnight"), "11-25T18:00 11-26T08:00");
  EXPECT_EQ(range_in("yesterday evening"), "11-25T18:00 11-26T00:00");
  EXPECT_EQ(range_in("this week"), "11-23T00:00 -");
  EXPECT_EQ(range_in("last week"), "11-16T00:00 11-23T00:00");
  EXPECT_EQ(range_in("this morning"), "11-26T05:00 11-26T12:00");
}

TEST(TimePhraseTest, LengthsReachBackFromNow) {
  EXPECT_EQ(range_in("in the last 2 hours"), "11-26T13:30 -");
  EXPECT_EQ(range_in("last 24h"), "11-25T15:30 -");
  EXPECT_EQ(range_in("the past hour"), "11-26T14:30 -");
  EXPECT_EQ(range_in("last 90min"), "11-26T14:00 -");
  EXPECT_EQ(range_in("since an hour ago"), "11-26T14:30 -");
  EXPECT_EQ(range_in("past two days"), "11-24T15:30 -");
  EXPECT_EQ(range_in("last half an hour"), "11-26T15:00 -");
}

TEST(TimePhraseTest, TimesOfDayThatAreToComeAreYesterdays) {
  EXPECT_EQ(range_in("since 14:00"), "11-26T14:00 -");
  EXPECT_EQ(range_in("since 16:00"), "11-25T16:00 -");
  EXPECT_EQ(range_in("between 10:00 and 12:30"), "11-26T10:00 11-26T12:30");
  EXPECT_EQ(range_in("from 22:00 to 02:00"), "11-25T22:00 11-26T02:00");
  EXPECT_EQ(range_in("since 2pm"), "11-26T14:00 -");
  EXPECT_EQ(range_in("after 3 am"), "11-26T03:00 -");
  EXPECT_EQ(range_in("before 10:00"), "- 11-26T10:00");
}

TEST(TimePhraseTest, WeekdaysAreTheLastOfTheirName) {
  EXPECT_EQ(range_in("on monday"), "11-23T00:00 11-24T00:00");
  EXPECT_EQ(range_in("since tuesday"), "11-24T00:00 -");
  EXPECT_EQ(range_in("on thursday"), "11-26T00:00 -");
  EXPECT_EQ(range_in("last thursday"), "11-19T00:00 11-20T00:00");
  EXPECT_EQ(range_in("since sat"), "11-21T00:00 -");
}

TEST(TimePhraseTest, MonthsMayBeWrittenAsWords) {
  EXPECT_EQ(range_in("what changed on November 23"), "11-23T00:00 11-24T00:00");
  EXPECT_EQ(range_in("attacks on 23 nov"), "11-23T00:00 11-24T00:00");
  EXPECT_EQ(range_in("since the 23rd of November"), "11-23T00:00 -");
  EXPECT_EQ(range_in("between Nov 20 and Nov 22"), "11-20T00:00 11-23T00:00");
  EXPECT_EQ(range_in("since november 25th at 14:30"), "11-25T14:30 -");
  EXPECT_EQ(range_in("on november 25 in the evening"), "11-25T00:00 11-26T00:00");
  EXPECT_EQ(phrase_in("what changed on 3 may 2024")->from_ms, ms("2024-05-03T00:00:00Z"));
  // Of days that are to come this year, last year's; a 29th of February is of a leap year.
  EXPECT_EQ(phrase_in("on december 24")->from_ms, ms("2025-12-24T00:00:00Z"));
  EXPECT_EQ(phrase_in("on february 29")->from_ms, ms("2024-02-29T00:00:00Z"));
  EXPECT_EQ(range_in("which rules may end"), "none");
  EXPECT_EQ(range_in("may 10 rules end"), "none");
  EXPECT_EQ(range_in("since may 10"), "05-10T00:00 -");
  EXPECT_EQ(range_in("on november 31"), "none");
}

TEST(TimePhraseTest, DatesAndIsoTimesAreTakenAsTheyAre) {
  EXPECT_EQ(range_in("on 2026-11-20"), "11-20T00:00 11-21T00:00");
  EXPECT_EQ(range_in("since 2026-11-25 10:15"), "11-25T10:15 -");
  EXPECT_EQ(range_in("since 2026-11-25T10:15:00Z", 120), "11-25T10:15 -");
  EXPECT_EQ(range_in("since 2026-11-25T10:15", 120), "11-25T08:15 -");
  EXPECT_EQ(range_in("2026-13-40"), "none");
}

TEST(TimePhraseTest, AMomentIsNamedByItsTimeOrItsAge) {
  const auto found = phrase_in("what was the threshold 2 hours ago");
  ASSERT_TRUE(found && found->at_ms);
  EXPECT_EQ(*found->at_ms, ms("2026-11-26T13:30:00Z"));
  const auto at = phrase_in("threshold at 14:00");
  ASSERT_TRUE(at && at->at_ms);
  EXPECT_EQ(*at->at_ms, ms("2026-11-26T14:00:00Z"));
}

TEST(TimePhraseTest, VersionsAreNoTimes) {
  const auto found = phrase_in("what changed since version 4");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->since_version, 4U);
  EXPECT_FALSE(found->from_ms || found->until_ms);
  EXPECT_EQ(phrase_in("changes since v12")->since_version, 12U);
}

TEST(TimePhraseTest, OrdinaryWordsHoldNoTime) {
  for (const char* text :
       {"block 10.0.0.9 for 2 hours", "which rules are on", "the sun is up", "raise it to 0.9",
        "last attack", "version 3", "", "is 10.0.0.5 blocked"}) {
    EXPECT_FALSE(phrase_in(text)) << text;
  }
}

TEST(TimePhraseTest, ItIsSaidBackInTheAskersZone) {
  EXPECT_EQ(phrase_in("since yesterday", 60)->said, "since 2026-11-25 00:00 UTC+1");
  EXPECT_EQ(phrase_in("yesterday", -210)->said,
            "from 2026-11-25 00:00 UTC-3:30 to 2026-11-26 00:00 UTC-3:30");
  EXPECT_EQ(phrase_in("at 14:00")->said, "at 2026-11-26 14:00 UTC");
}

TEST(TimePhraseTest, TheWordsOfTheTimeAreNamed) {
  const Words words = split_words("what changed since yesterday in the firewall");
  const auto found = find_time_phrase(words, ms(kNow), 0);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->begin, 2U);
  EXPECT_EQ(found->end, 4U);
}

TEST(TimeTextTest, AgesAreReadBeforeDates) {
  EXPECT_EQ(time_with_age(ms("2026-11-26T12:30:00Z"), ms(kNow), 0),
            "2026-11-26 12:30 UTC (3 h ago)");
  EXPECT_EQ(time_with_age(ms("2026-11-26T16:10:05Z"), ms(kNow), 60),
            "2026-11-26 17:10:05 UTC+1 (in 40 min)");
}

}  // namespace
}  // namespace mlguard::rag
