// SPDX-License-Identifier: Apache-2.0
#include "common/base/iso_time.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

const Time kMoment{std::chrono::seconds(1767323045)};

TEST(IsoTimeTest, WritesEveryFormOfOneMoment) {
  EXPECT_EQ(IsoBasic(kMoment), "20260102T030405Z");
  EXPECT_EQ(IsoExtended(kMoment), "2026-01-02T03:04:05Z");
  EXPECT_EQ(IsoZeroMillis(kMoment + std::chrono::milliseconds(78)), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(IsoMillis(kMoment), "2026-01-02T03:04:05.000Z");
  EXPECT_EQ(IsoMillis(kMoment + std::chrono::microseconds(78999)), "2026-01-02T03:04:05.078Z");
  EXPECT_EQ(IsoMillis(kMoment + std::chrono::milliseconds(999)), "2026-01-02T03:04:05.999Z");
  EXPECT_EQ(HttpDate(kMoment), "Fri, 02 Jan 2026 03:04:05 GMT");
}

TEST(IsoTimeTest, ReadsBackWhatItWrites) {
  EXPECT_EQ(ParseIsoBasic("20260102T030405Z"), kMoment);
  EXPECT_EQ(ParseIsoExtended("2026-01-02T03:04:05Z"), kMoment);
  EXPECT_EQ(ParseHttpDate("Fri, 02 Jan 2026 03:04:05 GMT"), kMoment);
}

TEST(IsoTimeTest, RefusesOtherFormsAndDaysThatDoNotExist) {
  for (const char* text :
       {"", "2026-01-02T03:04:05Z", "20260102T030405", "20260102T030405Z ", " 20260102T030405Z",
        "20260230T030405Z", "20260102T250405Z", "20260102T03040Z", "20260102T030405ZZ"}) {
    EXPECT_EQ(ParseIsoBasic(text), std::nullopt) << text;
  }
  EXPECT_EQ(ParseIsoExtended("2026-01-02T03:04:05.000Z"), std::nullopt);
  EXPECT_EQ(ParseHttpDate("Mon, 02 Jan 2026 03:04:05 GMT"), std::nullopt);
}

// Found by fuzzing: a Time ends in 2262, and what lay beyond became some other time.
TEST(IsoTimeTest, TimesBeyondReachAreNoTimes) {
  EXPECT_TRUE(ParseIsoExtended("2199-12-31T23:59:59Z"));
  for (const char* text :
       {"2200-01-01T00:00:01Z", "6084-12-31T23:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59Z"})
    EXPECT_FALSE(ParseIsoExtended(text)) << text;
}

}  // namespace
}  // namespace sluice
