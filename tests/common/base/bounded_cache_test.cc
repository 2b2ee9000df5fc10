// SPDX-License-Identifier: Apache-2.0
#include "common/base/bounded_cache.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace sluice {
namespace {

using Cache = BoundedCache<const int>;

TEST(BoundedCacheTest, GivesWhatWasPutLast) {
  Cache cache(1600);
  EXPECT_EQ(cache.Find("a"), nullptr);

  cache.Put("a", std::make_shared<const int>(1), 10);
  cache.Put("a", std::make_shared<const int>(2), 20);

  EXPECT_EQ(*cache.Find("a"), 2);
  EXPECT_EQ(cache.size(), 1u);
  EXPECT_EQ(cache.cost(), 20u);
  cache.Erase("a");
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.cost(), 0u);
}

TEST(BoundedCacheTest, StaysWithinItsBoundWhateverIsPut) {
  Cache cache(16 * 100);
  for (int i = 0; i < 10000; ++i) {
    cache.Put(std::to_string(i), std::make_shared<const int>(i), 7);
    ASSERT_LE(cache.cost(), 16u * 100);
  }
  EXPECT_GT(cache.size(), 16u * 12);
}

TEST(BoundedCacheTest, WhatWasUsedLongestAgoGoesFirst) {
  Cache cache(16 * 100);
  cache.Put("kept", std::make_shared<const int>(1), 10);
  for (int i = 0; i < 10000; ++i) {
    ASSERT_NE(cache.Find("kept"), nullptr);
    cache.Put(std::to_string(i), std::make_shared<const int>(i), 10);
  }
  EXPECT_EQ(cache.Find("0"), nullptr);
}

TEST(BoundedCacheTest, AValueBeyondTheBoundIsNotKept) {
  Cache cache(1600);
  cache.Put("a", std::make_shared<const int>(1), 10);
  cache.Put("a", std::make_shared<const int>(2), 101);
  EXPECT_EQ(cache.Find("a"), nullptr);
}

TEST(BoundedCacheTest, AValueMayUseTheCacheWhileItEnds) {
  BoundedCache<int> cache(1600);
  const auto make = [&](int number) {
    return std::shared_ptr<int>(new int(number), [&cache](int* value) {
      (void)cache.Find("a");
      delete value;
    });
  };
  cache.Put("a", make(1), 10);
  cache.Put("a", make(2), 10);
  cache.Erase("a");
  EXPECT_EQ(cache.size(), 0u);
}

TEST(BoundedCacheTest, ManyThreadsAtOnce) {
  Cache cache(16 * 1000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const std::string name = std::to_string(i % 300);
        if (const auto found = cache.Find(name)) EXPECT_EQ(*found, i % 300);
        cache.Put(name, std::make_shared<const int>(i % 300), 10);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(cache.cost(), 16u * 1000);
}

}  // namespace
}  // namespace sluice
