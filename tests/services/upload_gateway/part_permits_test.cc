// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/part_permits.h"

#include <gmock/gmock.h>

namespace sluice::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Time kNow(std::chrono::seconds(1'700'000'000));

std::vector<Permit> PermitsFor(const std::vector<uint32_t>& parts, Time expires = kNow + kPermitLife) {
  std::vector<Permit> out;
  for (const uint32_t part : parts)
    out.push_back({"PUT", SecretString("u" + std::to_string(part)), {}, part, expires});
  return out;
}

TEST(PartPermitsTest, AsksOnceForWhatTheStreamWillLikelyNeedAndThenForMore) {
  PartPermits permits(PartPlan::OfUnknownSize(1 << 30), std::nullopt);
  const auto first = permits.Wanted(1, 1, 0, kNow);
  EXPECT_THAT(first, ElementsAre(1, 2));
  EXPECT_THAT(permits.Wanted(1, 1, 0, kNow), IsEmpty());  // under way
  permits.Put(PermitsFor(first));
  EXPECT_THAT(permits.Wanted(1, 1, 0, kNow), IsEmpty());  // here
  EXPECT_EQ(permits.Take(1, kNow)->url.Reveal(), "u1");
  EXPECT_EQ(permits.Take(1, kNow), std::nullopt);  // used once
  EXPECT_TRUE(permits.Take(2, kNow));
  // They go on as they went: four slots each, four of them soon.
  EXPECT_THAT(permits.Wanted(3, 4, 4, kNow), ElementsAre(3, 7, 11, 15));
  permits.Failed();
  EXPECT_THAT(permits.Wanted(3, 4, 4, kNow), ElementsAre(3, 7, 11, 15));
}

TEST(PartPermitsTest, NeverAsksForMoreThanABatchHowFastTheClientMayBe) {
  PartPermits permits(PartPlan::OfUnknownSize(1 << 30), std::nullopt);
  EXPECT_EQ(permits.Wanted(1, 1, 1000, kNow).size(), PartPermits::kMostAtOnce);
}

TEST(PartPermitsTest, AWrongGuessIsAskedForAgain) {
  PartPermits permits(PartPlan::OfUnknownSize(1 << 30), std::nullopt);
  permits.Put(PermitsFor(permits.Wanted(1, 4, 2, kNow)));
  EXPECT_TRUE(permits.Take(1, kNow));
  EXPECT_EQ(permits.Take(3, kNow), std::nullopt);
  EXPECT_THAT(permits.Wanted(3, 2, 4, kNow), ElementsAre(3, 5, 7, 9));
}

TEST(PartPermitsTest, NobodyIsAskedForPartsBeyondTheObject) {
  const auto plan = *PartPlan::OfSize(3 * PartPlan::kSmallestSlot);
  PartPermits permits(plan, 3 * PartPlan::kSmallestSlot);
  EXPECT_THAT(permits.Wanted(1, 2, 16, kNow), ElementsAre(1, 3));
  permits.Failed();
  EXPECT_THAT(permits.Wanted(0, 1, 16, kNow), IsEmpty());
}

TEST(PartPermitsTest, OneThatEndsSoonIsNoneAndIsAskedForAgain) {
  PartPermits permits(PartPlan::OfUnknownSize(1 << 30), std::nullopt);
  permits.Put(PermitsFor(permits.Wanted(1, 1, 2, kNow)));
  const Time late = kNow + kPermitLife - std::chrono::seconds(5);
  EXPECT_THAT(permits.Wanted(1, 1, 2, late), ElementsAre(1, 2));
  EXPECT_EQ(permits.Take(1, late), std::nullopt);
}

TEST(PartPermitsTest, TheNextBatchIsAskedForBeforeThisOneIsUsedUpButNotForASlowClient) {
  PartPermits permits(PartPlan::OfUnknownSize(1 << 30), std::nullopt);
  permits.Put(PermitsFor(permits.Wanted(1, 1, 16, kNow)));
  uint32_t next = 1;
  while (next < PartPermits::kMostAtOnce) {
    EXPECT_THAT(permits.Wanted(next, 1, 16, kNow), IsEmpty());
    permits.Take(next++, kNow);
  }
  // One is left.
  EXPECT_THAT(permits.Wanted(next, 1, 2, kNow), IsEmpty());
  const auto ahead = permits.Wanted(next, 1, 16, kNow);
  EXPECT_EQ(ahead.size(), PartPermits::kMostAtOnce);
  EXPECT_EQ(ahead.front(), next + 1);
}

}  // namespace
}  // namespace sluice::gateway
