// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/part_plan.h"

#include <random>

#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

constexpr uint64_t kKiB = 1024;
constexpr uint64_t kMiB = 1024 * kKiB;
constexpr uint64_t kGiB = 1024 * kMiB;

// All that a plan promises, at each of its slots.
void ExpectWhole(const PartPlan& plan) {
  EXPECT_EQ(plan.Start(1), 0u);
  for (uint32_t slot = 1; slot <= PartPlan::kSlots; ++slot) {
    const uint64_t start = plan.Start(slot), bytes = plan.BytesOf(slot);
    ASSERT_EQ(bytes % PartPlan::kSmallestSlot, 0u) << slot;
    ASSERT_GE(bytes, PartPlan::kSmallestPart) << slot;
    ASSERT_LE(bytes, PartPlan::kLargestPart) << slot;
    ASSERT_EQ(plan.SlotAt(start), slot);
    ASSERT_EQ(plan.SlotOf(start), slot);
    ASSERT_EQ(plan.SlotOf(start + bytes - 1), slot);
    ASSERT_EQ(plan.SlotAt(start + 1), std::nullopt);
    ASSERT_EQ(plan.SlotAt(start + bytes - 1), std::nullopt);
  }
  EXPECT_EQ(plan.SlotAt(plan.capacity()), std::nullopt);
  EXPECT_EQ(plan.SlotAt(UINT64_MAX), std::nullopt);
}

TEST(PartPlanTest, SlotsAreTheSmallestThatHoldTheObjectForEverySizeClass) {
  std::mt19937_64 random(1);
  std::vector<uint64_t> sizes = {0,
                                 1,
                                 255 * kKiB,
                                 256 * kKiB - 1,
                                 256 * kKiB,
                                 256 * kKiB + 1,
                                 4 * kMiB - 1,
                                 4 * kMiB + 1,
                                 5 * kMiB,
                                 kGiB,
                                 PartPlan::kSlots * 256 * kKiB,
                                 PartPlan::kSlots * 256 * kKiB + 1,
                                 PartPlan::kLargestObject - 1,
                                 PartPlan::kLargestObject};
  for (int bits = 18; bits < 46; ++bits) {
    sizes.push_back(uint64_t{1} << bits);
    sizes.push_back((uint64_t{1} << bits) + random() % (uint64_t{1} << bits));
  }
  for (const uint64_t size : sizes) {
    if (size > PartPlan::kLargestObject) continue;
    const auto plan = PartPlan::OfSize(size);
    ASSERT_THAT(plan, IsOk()) << size;
    EXPECT_GE(plan->capacity(), size);
    const uint64_t slot = plan->slot_bytes();
    if (slot > PartPlan::kSmallestSlot) {
      EXPECT_LT((slot - PartPlan::kSmallestSlot) * PartPlan::kSlots, size) << "smaller ones would do";
    }
    ExpectWhole(*plan);
  }
}

TEST(PartPlanTest, UpToTwoAndAHalfGiBACrashCosts256KiB) {
  EXPECT_EQ(PartPlan::OfSize(PartPlan::kSlots * 256 * kKiB)->slot_bytes(), 256 * kKiB);
  EXPECT_EQ(PartPlan::OfSize(PartPlan::kSlots * 256 * kKiB + 1)->slot_bytes(), 512 * kKiB);
}

TEST(PartPlanTest, WhatOssCannotHoldIsRefused) {
  EXPECT_THAT(PartPlan::OfSize(PartPlan::kLargestObject + 1),
              FailsWith(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED"));
  EXPECT_THAT(PartPlan::OfSize(UINT64_MAX), FailsWith(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED"));
}

TEST(PartPlanTest, OfUnknownSizeASlotIsASmallPartOfWhatWasSent) {
  const PartPlan plan = PartPlan::OfUnknownSize(0);
  ExpectWhole(plan);
  EXPECT_EQ(plan.capacity(), PartPlan::kLargestUndeclared);
  EXPECT_GT(plan.capacity(), 7 * 1024 * kGiB);
  EXPECT_EQ(plan.BytesOf(PartPlan::kTier), 256 * kKiB);
  EXPECT_EQ(plan.BytesOf(PartPlan::kTier + 1), 512 * kKiB);
  for (uint32_t slot = 2; slot <= PartPlan::kSlots; ++slot) {
    ASSERT_TRUE(plan.BytesOf(slot) == 256 * kKiB || plan.BytesOf(slot) * 300 < plan.Start(slot)) << slot;
  }
}

TEST(PartPlanTest, OfUnknownSizeWithALimitThatTheSmallestSlotsHoldThoseSuffice) {
  EXPECT_EQ(PartPlan::OfUnknownSize(kGiB), *PartPlan::OfSize(kGiB));
  EXPECT_EQ(PartPlan::OfUnknownSize(100 * kGiB), PartPlan::OfUnknownSize(0));
}

TEST(PartPlanTest, IsTheSameWhenItComesOutOfItsSeal) {
  for (const PartPlan& plan :
       {PartPlan::OfUnknownSize(0), *PartPlan::OfSize(1), *PartPlan::OfSize(kGiB << 12)})
    EXPECT_EQ(*PartPlan::FromSlotBytes(plan.slot_bytes()), plan);
  for (uint64_t bad : {uint64_t{1}, 256 * kKiB + 1, PartPlan::kLargestPart + 256 * kKiB, UINT64_MAX})
    EXPECT_THAT(PartPlan::FromSlotBytes(bad), FailsWith(absl::StatusCode::kInvalidArgument, "PLAN_INVALID"));
}

}  // namespace
}  // namespace sluice::gateway
