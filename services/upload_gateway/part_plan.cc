// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/part_plan.h"

#include <algorithm>
#include <bit>

#include "common/base/status.h"

namespace sluice::gateway {
namespace {

constexpr uint64_t kDoubling = 0;  // what slot_bytes says of slots that double
constexpr uint64_t kTierBytes = PartPlan::kTier * PartPlan::kSmallestSlot;

// Where the slots of a tier begin, and what each of them has; the last tier has all that are left.
constexpr uint64_t StartOfTier(uint32_t tier) { return kTierBytes * ((uint64_t{1} << tier) - 1); }
constexpr uint64_t SlotOfTier(uint32_t tier) { return PartPlan::kSmallestSlot << tier; }
constexpr uint32_t TierOfSlot(uint32_t slot) {
  return std::min((slot - 1) / PartPlan::kTier, PartPlan::kDoublings);
}
constexpr uint32_t TierOfOffset(uint64_t offset) {
  return std::min(static_cast<uint32_t>(std::bit_width(offset / kTierBytes + 1)) - 1, PartPlan::kDoublings);
}

static_assert(SlotOfTier(PartPlan::kDoublings) <= PartPlan::kLargestPart);
static_assert(PartPlan::kDoublings * PartPlan::kTier < PartPlan::kSlots);
static_assert(PartPlan::kSmallestSlot >= PartPlan::kSmallestPart);
static_assert(PartPlan::kLargestPart % PartPlan::kSmallestSlot == 0);

}  // namespace

absl::StatusOr<PartPlan> PartPlan::OfSize(uint64_t bytes) {
  if (bytes > kLargestObject) {
    return Fail(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED",
                "an object has at most 48.8 TiB, 10,000 parts of 5 GiB; store it as several");
  }
  const uint64_t least = (bytes + kSlots - 1) / kSlots;
  const uint64_t whole = (least + kSmallestSlot - 1) / kSmallestSlot * kSmallestSlot;
  return PartPlan(std::max(kSmallestSlot, whole));
}

PartPlan PartPlan::OfUnknownSize(uint64_t most) {
  return PartPlan(most != 0 && most <= kSlots * kSmallestSlot ? kSmallestSlot : kDoubling);
}

absl::StatusOr<PartPlan> PartPlan::FromSlotBytes(uint64_t slot_bytes) {
  if (slot_bytes % kSmallestSlot != 0 || slot_bytes > kLargestPart)
    return Fail(absl::StatusCode::kInvalidArgument, "PLAN_INVALID", "no upload has slots of that size");
  return PartPlan(slot_bytes);
}

uint64_t PartPlan::Start(uint32_t slot) const {
  if (slot_bytes_ != kDoubling) return (slot - 1) * slot_bytes_;
  const uint32_t tier = TierOfSlot(slot);
  return StartOfTier(tier) + (slot - 1 - tier * kTier) * SlotOfTier(tier);
}

uint32_t PartPlan::SlotOf(uint64_t offset) const {
  if (slot_bytes_ != kDoubling) return static_cast<uint32_t>(offset / slot_bytes_) + 1;
  const uint32_t tier = TierOfOffset(offset);
  return tier * kTier + static_cast<uint32_t>((offset - StartOfTier(tier)) / SlotOfTier(tier)) + 1;
}

std::optional<uint32_t> PartPlan::SlotAt(uint64_t offset) const {
  if (offset >= capacity()) return std::nullopt;
  const uint32_t slot = SlotOf(offset);
  if (Start(slot) != offset) return std::nullopt;
  return slot;
}

}  // namespace sluice::gateway
