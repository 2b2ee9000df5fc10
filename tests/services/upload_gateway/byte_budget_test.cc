// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/byte_budget.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>
#include <vector>

#include "tests/support/fake_timers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FakeTimers;

TEST(ByteBudgetTest, WhoAsksFirstIsServedFirstAndALargeRequestIsNotPassedOver) {
  FakeTimers timers;
  ByteBudget budget(100, timers);
  std::vector<std::string> order;
  std::vector<ByteBudget::Lease> held;
  const auto take = [&](const char* name, uint64_t bytes) {
    return budget.Take(bytes, [&, name](ByteBudget::Lease lease) {
      order.emplace_back(name);
      held.push_back(std::move(lease));
    });
  };
  EXPECT_EQ(take("a", 60), 0u);
  EXPECT_NE(take("large", 90), 0u);
  EXPECT_NE(take("small", 10), 0u);  // there is room for it, and somebody before it
  EXPECT_EQ(budget.waiting(), 2u);
  timers.Advance(std::chrono::seconds(3));
  EXPECT_EQ(budget.longest_wait(), std::chrono::seconds(3));
  held[0].ShrinkTo(5);
  EXPECT_EQ(order, (std::vector<std::string>{"a", "large"}));
  held[1] = {};
  EXPECT_EQ(order.back(), "small");
  EXPECT_EQ(budget.held(), 15u);
  held.clear();
  EXPECT_EQ(budget.held(), 0u);
}

TEST(ByteBudgetTest, LeasesSplitJoinAndEndExactlyOnce) {
  FakeTimers timers;
  ByteBudget budget(100, timers);
  ByteBudget::Lease one;
  budget.Take(40, [&](ByteBudget::Lease lease) { one = std::move(lease); });
  ByteBudget::Lease part = one.Split(15);
  EXPECT_EQ(one.bytes(), 25u);
  ByteBudget::Lease other;
  other.Join(std::move(part));
  EXPECT_EQ(budget.held(), 40u);
  EXPECT_EQ(one.Split(1000).bytes(), 25u);  // ends at once
  EXPECT_EQ(budget.held(), 15u);
  other.GrowTo(300);  // what is here already is counted, room or not
  EXPECT_EQ(budget.held(), 300u);
  other = {};
  EXPECT_EQ(budget.held(), 0u);
}

TEST(ByteBudgetTest, MoreThanAllIsAllAndAWithdrawnRequestIsNeverServed) {
  FakeTimers timers;
  ByteBudget budget(100, timers);
  ByteBudget::Lease all;
  budget.Take(1'000'000, [&](ByteBudget::Lease lease) { all = std::move(lease); });
  EXPECT_EQ(all.bytes(), 100u);
  bool served = false;
  const auto ticket = budget.Take(1, [&](ByteBudget::Lease) { served = true; });
  bool next = false;
  budget.Take(2, [&](ByteBudget::Lease) { next = true; });
  EXPECT_TRUE(budget.Withdraw(ticket));
  EXPECT_FALSE(budget.Withdraw(ticket));
  all = {};
  EXPECT_FALSE(served);
  EXPECT_TRUE(next);
}

TEST(ByteBudgetTest, ManyThreadsNeverHoldMoreThanThereIs) {
  FakeTimers timers;
  ByteBudget budget(1000, timers);
  std::atomic<int64_t> held = 0;
  std::atomic<int> served = 0;
  std::atomic<bool> exceeded = false;
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::minstd_rand random(t + 1);
      for (int i = 0; i < 2000; ++i) {
        const uint64_t bytes = 1 + random() % 400;
        budget.Take(bytes, [&, bytes](ByteBudget::Lease lease) {
          if (held.fetch_add(static_cast<int64_t>(bytes)) + static_cast<int64_t>(bytes) > 1000)
            exceeded = true;
          ++served;
          held.fetch_sub(static_cast<int64_t>(bytes));
          lease = {};
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(served, 8000);
  EXPECT_FALSE(exceeded);
  EXPECT_EQ(budget.held(), 0u);
}

}  // namespace
}  // namespace sluice::gateway
