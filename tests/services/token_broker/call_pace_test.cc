// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/call_pace.h"

#include <deque>
#include <random>

#include "gtest/gtest.h"

namespace sluice::broker {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using SteadyTime = CallPace::SteadyTime;

const SteadyTime kStart{seconds(1'000'000)};

TEST(CallPaceTest, NoSecondSeesMoreThanTheShareHoweverItIsAsked) {
  std::mt19937 random(7);
  for (uint32_t share : {1u, 2u, 3u, 5u, 10u, 19u, 20u, 100u, 997u}) {
    SteadyTime now = kStart;
    CallPace pace(share, now);
    std::deque<SteadyTime> taken;
    size_t most = 0;
    size_t all = 0;
    for (int i = 0; i < 20000; ++i) {
      // Pauses that fill the bucket, and bursts.
      now += nanoseconds(random() % 40 == 0 ? random() % 1'500'000'000 : random() % 3'000'000);
      if (random() % 2000 == 0) pace.SlowDown(now);
      while (pace.Take(now)) {
        taken.push_back(now);
        ++all;
      }
      while (!taken.empty() && taken.front() <= now - seconds(1)) taken.pop_front();
      most = std::max(most, taken.size());
    }
    EXPECT_LE(most, share);
    EXPECT_GT(all, 0u);
  }
}

TEST(CallPaceTest, CallsThatTheWayBringsTogetherStayWithinTheShareToo) {
  for (uint32_t share : {1u, 2u, 5u, 10u, 19u, 20u, 39u, 100u, 997u}) {
    CallPace pace(share, kStart);
    std::deque<SteadyTime> taken;
    for (SteadyTime now = kStart; now < kStart + seconds(5); now += std::chrono::microseconds(100)) {
      while (pace.Take(now)) taken.push_back(now);
      // Sent within this time, they may arrive within a second.
      while (!taken.empty() && taken.front() <= now - milliseconds(1049)) taken.pop_front();
      ASSERT_LE(taken.size(), share);
    }
  }
}

TEST(CallPaceTest, ASteadyDemandGetsNineTenthsOfTheShareAtLeast) {
  for (uint32_t share : {1u, 5u, 19u, 100u, 1000u}) {
    SteadyTime now = kStart;
    CallPace pace(share, now);
    size_t taken = 0;
    for (; now < kStart + seconds(20); now += std::chrono::microseconds(500))
      while (pace.Take(now)) ++taken;
    EXPECT_GE(taken, share * 18u) << share;
    EXPECT_LE(taken, share * 20u + pace.burst()) << share;
  }
}

TEST(CallPaceTest, WhenIsTheTimeAtWhichSoManyCanBeTaken) {
  for (uint32_t share : {1u, 7u, 100u}) {
    for (const bool slowed : {false, true}) {
      CallPace pace(share, kStart);
      if (slowed) pace.SlowDown(kStart);
      if (slowed) pace.SlowDown(kStart);
      for (const size_t calls : {1u, 2u, 30u, 300u}) {
        const SteadyTime at = pace.When(calls, kStart);
        CallPace then = pace;
        size_t taken = 0;
        // One at a time, as each comes, so that the bucket never overflows.
        for (SteadyTime now = kStart; taken < calls; ++taken) {
          now = then.When(1, now);
          if (taken + 1 == calls) {
            EXPECT_LE(now - at, nanoseconds(calls));
            EXPECT_GE(now, at);
            EXPECT_FALSE(CallPace(then).Take(now - nanoseconds(1)) && now != kStart);
          }
          ASSERT_TRUE(then.Take(now));
        }
      }
    }
  }
}

TEST(CallPaceTest, SlowsDownToATenthAndRecoversWithinTenSeconds) {
  CallPace pace(100, kStart);
  const auto taken_in = [&](SteadyTime from) {
    int taken = 0;
    for (SteadyTime now = from; now < from + seconds(1); now += milliseconds(1)) taken += pace.Take(now);
    return taken;
  };
  pace.SlowDown(kStart);
  EXPECT_EQ(pace.Left(kStart), 0u);
  EXPECT_EQ(taken_in(kStart), 45);  // half of 91
  for (int i = 0; i < 9; ++i) pace.SlowDown(kStart + seconds(1));
  EXPECT_EQ(taken_in(kStart + seconds(1)), 9);
  EXPECT_EQ(taken_in(kStart + seconds(5)), 45 + 5);  // the bucket filled meanwhile
  EXPECT_GE(taken_in(kStart + seconds(11)), 91);
}

TEST(CallPaceTest, ASmallerShareCountsAtOnce) {
  CallPace pace(100, kStart);
  pace.SetShare(20, kStart);
  EXPECT_EQ(pace.Left(kStart), 1u);
  pace.SetShare(0, kStart);
  EXPECT_EQ(pace.share(), 1u);
  EXPECT_EQ(pace.Left(kStart), 1u);
}

TEST(CallPaceTest, YearsOfRestFillTheBucketAndNoMore) {
  CallPace pace(1'000'000, kStart);
  const SteadyTime later = kStart + std::chrono::hours(24 * 365 * 10);
  EXPECT_EQ(pace.Left(later), 50'000u);
  EXPECT_EQ(pace.Left(kStart), 50'000u);
}

}  // namespace
}  // namespace sluice::broker
