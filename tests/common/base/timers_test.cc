// SPDX-License-Identifier: Apache-2.0
#include "common/base/timers.h"

#include <future>
#include <vector>

#include "gtest/gtest.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

TEST(ThreadTimersTest, AlarmsComeInTheOrderOfTheirTimes) {
  ThreadTimers timers;
  std::vector<int> order;  // only the timers' thread writes; the promise publishes it
  std::promise<void> last;
  const auto now = timers.Now();

  timers.At(now + milliseconds(30), [&] {
    order.push_back(3);
    last.set_value();
  });
  timers.At(now + milliseconds(10), [&] { order.push_back(2); });
  timers.At(now - milliseconds(10), [&] { order.push_back(1); });
  last.get_future().wait();

  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  EXPECT_GE(timers.Now(), now + milliseconds(30));
}

TEST(ThreadTimersTest, ACancelledAlarmNeverComes) {
  ThreadTimers timers;
  bool rang = false;
  std::promise<void> later;
  const auto now = timers.Now();
  const auto id = timers.At(now + milliseconds(5), [&] { rang = true; });

  EXPECT_TRUE(timers.Cancel(id));
  timers.At(now + milliseconds(20), [&] { later.set_value(); });
  later.get_future().wait();

  EXPECT_FALSE(rang);
  EXPECT_FALSE(timers.Cancel(id));
}

TEST(ThreadTimersTest, AnAlarmMaySetAndCancelOthers) {
  ThreadTimers timers;
  std::promise<void> done;
  const auto never = timers.After(std::chrono::hours(1), [] {});

  timers.After(milliseconds(0), [&] {
    EXPECT_TRUE(timers.Cancel(never));
    timers.After(milliseconds(1), [&] { done.set_value(); });
  });

  done.get_future().wait();
}

TEST(ThreadTimersTest, WhatIsStillToComeIsDroppedAtTheEnd) {
  auto held = std::make_shared<int>(1);
  {
    ThreadTimers timers;
    timers.After(std::chrono::hours(1), [held] {});
    EXPECT_EQ(held.use_count(), 2);
  }
  EXPECT_EQ(held.use_count(), 1);
}

}  // namespace
}  // namespace sluice
