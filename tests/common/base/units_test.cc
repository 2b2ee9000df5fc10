// SPDX-License-Identifier: Apache-2.0
#include "common/base/units.h"

#include "gtest/gtest.h"

namespace sluice {
namespace {

using std::chrono::seconds;

TEST(ParseDurationTest, ReadsWhatPeopleWrite) {
  EXPECT_EQ(ParseDuration("900s"), seconds(900));
  EXPECT_EQ(ParseDuration("15m"), seconds(900));
  EXPECT_EQ(ParseDuration("1h30m"), seconds(5400));
  EXPECT_EQ(ParseDuration("1d1s"), seconds(86401));
  EXPECT_EQ(ParseDuration("0s"), seconds(0));
}

TEST(ParseDurationTest, RefusesEverythingElse) {
  for (const char* text : {"", "15", "m", "1x", "-1s", "1.5h", "1m1h", "1h1h", "1h30", " 1h", "1h ", "+1s",
                           "99999999999999999999s", "40000d", "36500d9000000h"}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(ParseByteSizeTest, ReadsBinaryUnitsAndPlainNumbers) {
  EXPECT_EQ(ParseByteSize("0"), 0u);
  EXPECT_EQ(ParseByteSize("256KiB"), 262144u);
  EXPECT_EQ(ParseByteSize("5GiB"), uint64_t{5} << 30);
}

TEST(ParseByteSizeTest, RefusesEverythingElse) {
  for (const char* text :
       {"", "KiB", "1KB", "1 KiB", "-1", "1.5MiB", "99999999TiB", "18446744073709551616"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace sluice
