#include "base/time_format.h"

#include <gtest/gtest.h>

namespace mlguard::base {
namespace {

TEST(TimeFormatTest, IsoTimesAreUtcWithMilliseconds) {
  EXPECT_EQ(iso_time(1'700'000'000'123), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(iso_time(0), "");
}

TEST(TimeFormatTest, IsoTimesAreReadBackAsTheyWereWritten) {
  for (const std::int64_t ms : {1LL, 1'700'000'000'123LL, 951'827'696'000LL, 4'102'444'799'999LL}) {
    EXPECT_EQ(*parse_iso_time_ms(iso_time(ms)), ms);
  }
  EXPECT_EQ(*parse_iso_time_ms(""), 0);
  EXPECT_EQ(*parse_iso_time_ms("2000-02-29T12:34:56Z"), 951'827'696'000);
  EXPECT_EQ(*parse_iso_time_ms("2000-02-29T12:34:56.5Z"), 951'827'696'500);
}

TEST(TimeFormatTest, WhatIsNoIsoTimeIsRefused) {
  for (const char* text :
       {"now", "2023-11-14", "2023-11-14T22:13:20", "2023-11-14 22:13:20Z", "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z", "2023-11-14T24:00:00Z", "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20.1234Z", "2023-11-14T22:13:20.xZ", "1969-12-31T23:59:59Z",
        "2023-11-14T22:13:20+01:00"}) {
    EXPECT_FALSE(parse_iso_time_ms(text).ok()) << text;
  }
}

TEST(TimeFormatTest, DurationsAreReadWithTheirUnits) {
  EXPECT_EQ(*parse_duration_ms("500ms"), 500);
  EXPECT_EQ(*parse_duration_ms("30s"), 30'000);
  EXPECT_EQ(*parse_duration_ms("30"), 30'000);
  EXPECT_EQ(*parse_duration_ms("10m"), 600'000);
  EXPECT_EQ(*parse_duration_ms("24h"), 86'400'000);
  EXPECT_EQ(*parse_duration_ms("7d"), 604'800'000);
}

TEST(TimeFormatTest, WhatIsNoDurationIsRefused) {
  for (const char* text : {"", "s", "-1s", "1w", "1.5h", "99999999999999999d", "10 m"}) {
    EXPECT_FALSE(parse_duration_ms(text).ok()) << text;
  }
}

TEST(TimeFormatTest, DurationsForPeopleUseTheLargestFittingUnit) {
  EXPECT_EQ(human_duration(12), "12 ms");
  EXPECT_EQ(human_duration(7'000), "7 s");
  EXPECT_EQ(human_duration(180'000), "3 min");
  EXPECT_EQ(human_duration(5 * 3'600'000), "5 h");
  EXPECT_EQ(human_duration(12 * 86'400'000LL), "12 d");
}

}  // namespace
}  // namespace mlguard::base
