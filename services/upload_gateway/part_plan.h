// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"

namespace sluice::gateway {

// Where the parts of one multipart upload may begin: slot n, of 1 to 10,000, at the same offset for whoever
// goes on with the upload, whatever was sent before. A part spans whole slots, more of them for a fast
// sender, and has the number of its first; only the object's last part may end inside a slot. A value; pure.
class PartPlan {
 public:
  // OSS's own: parts of one upload, bytes of a part but the last, bytes of any part.
  static constexpr uint32_t kSlots = 10'000;
  static constexpr uint64_t kSmallestPart = 100 * 1024;
  static constexpr uint64_t kLargestPart = uint64_t{5} << 30;
  // What a slot has where the object allows it, and what all others are multiples of.
  static constexpr uint64_t kSmallestSlot = 256 * 1024;
  static constexpr uint64_t kLargestObject = kSlots * kLargestPart;
  // Where the size is not known, slots double every kTier, kDoublings times, and stay 4 GiB then: 7.3 TiB in
  // all.
  static constexpr uint32_t kTier = 625;
  static constexpr uint32_t kDoublings = 14;
  static constexpr uint64_t kLargestUndeclared =
      kTier * kSmallestSlot * ((uint64_t{1} << kDoublings) - 1) +
      (kSlots - kDoublings * kTier) * (kSmallestSlot << kDoublings);

  // Equal slots, as small as suffice. `OUT_OF_RANGE` `SIZE_EXCEEDED` beyond kLargestObject.
  static absl::StatusOr<PartPlan> OfSize(uint64_t bytes);
  // For an object that ends anywhere up to `most`, 0 for no limit: equal slots where the smallest suffice,
  // else slots that double, each less than a three-hundredth of what lies before it. Then capacity() is the
  // limit.
  static PartPlan OfUnknownSize(uint64_t most);

  // How many bytes the slots hold together.
  uint64_t capacity() const { return Start(kSlots + 1); }
  // Offset of slot `slot`, of 1 to kSlots + 1, where the last one ends.
  uint64_t Start(uint32_t slot) const;
  uint64_t BytesOf(uint32_t slot) const { return Start(slot + 1) - Start(slot); }
  // The slot that begins at `offset`; none for what lies between or beyond.
  std::optional<uint32_t> SlotAt(uint64_t offset) const;
  // The slot that holds the byte at `offset`, which lies below the capacity.
  uint32_t SlotOf(uint64_t offset) const;

  // What a sealed upload keeps of it: bytes of equal slots, 0 for those that double.
  uint64_t slot_bytes() const { return slot_bytes_; }
  // `INVALID_ARGUMENT` for a number that slot_bytes never gives.
  static absl::StatusOr<PartPlan> FromSlotBytes(uint64_t slot_bytes);

  friend bool operator==(const PartPlan&, const PartPlan&) = default;

 private:
  explicit PartPlan(uint64_t slot_bytes) : slot_bytes_(slot_bytes) {}

  uint64_t slot_bytes_;
};

}  // namespace sluice::gateway
