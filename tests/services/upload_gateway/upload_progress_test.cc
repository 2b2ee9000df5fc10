// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/upload_progress.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

constexpr uint64_t kSlot = PartPlan::kSmallestSlot;

std::string Bytes(size_t size) {
  std::string out(size, '\0');
  std::minstd_rand random(static_cast<unsigned>(size) + 1);
  for (char& c : out) c = static_cast<char>(random() >> 8);
  return out;
}

PartPlan SmallSlots() { return PartPlan::OfUnknownSize(1 << 30); }

StoredPart Answer(const UploadProgress::Part& part) {
  return {part.number, part.size, "E" + std::to_string(part.number), part.crc64};
}

TEST(UploadProgressTest, WhateverTheChunksAndTheOrderOfAnswersThePartsAreTheBytes) {
  std::minstd_rand random(1);
  for (int round = 0; round < 40; ++round) {
    const std::string bytes = Bytes(random() % (20 * kSlot));
    const bool declared = random() % 2 == 0;
    const auto size = declared ? std::optional<uint64_t>(bytes.size()) : std::nullopt;
    UploadProgress progress(SmallSlots(), size, 0, {});
    std::vector<UploadProgress::Part> waiting;
    std::string whole;
    const auto cut = [&](bool last) {
      while (progress.CanCut(last)) {
        auto part = progress.Cut(1 + random() % (8 * kSlot), last);
        EXPECT_EQ(part.offset, whole.size());
        EXPECT_EQ(part.bytes.size(), part.size);
        EXPECT_EQ(part.crc64, crypto::Crc64(std::string(part.bytes)));
        whole += std::string(part.bytes);
        waiting.push_back(std::move(part));
      }
    };
    const auto answer = [&] {
      if (waiting.empty()) return;
      const size_t one = random() % waiting.size();
      progress.Store(Answer(waiting[one]));
      waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(one));
    };
    uint64_t committed = 0;
    for (size_t at = 0; at < bytes.size();) {
      // Sometimes a little is sent again.
      const size_t again = std::min<size_t>(at, random() % 3 == 0 ? random() % 5000 : 0);
      const size_t fresh = std::min<size_t>(bytes.size() - at, 1 + random() % (2 * kSlot));
      const auto taken = progress.Receive(at - again, absl::Cord(bytes.substr(at - again, again + fresh)));
      ASSERT_THAT(taken, IsOk());
      EXPECT_EQ(*taken, fresh);
      at += fresh;
      if (random() % 2 == 0) cut(false);
      if (random() % 2 == 0) answer();
      EXPECT_GE(progress.committed(), committed);
      committed = progress.committed();
      EXPECT_EQ(progress.crc64(), crypto::Crc64(std::string_view(bytes).substr(0, at)));
    }
    cut(true);
    while (!waiting.empty()) answer();
    EXPECT_TRUE(whole == bytes);
    EXPECT_EQ(progress.committed(), bytes.size());
    EXPECT_EQ(progress.bytes_in_flight(), 0u);
    // A replica that knows nothing but the parts finds the same chain.
    auto stored = progress.stored_parts();
    std::shuffle(stored.begin(), stored.end(), random);
    const PartChain chain = ChainOf(SmallSlots(), stored, bytes.size());
    EXPECT_EQ(chain.bytes, bytes.size());
    EXPECT_EQ(chain.crc64, crypto::Crc64(bytes));
  }
}

TEST(UploadProgressTest, AResumedUploadGoesOnWithTheSumOfWhatWasThere) {
  const std::string bytes = Bytes(3 * kSlot + 10);
  PartChain before =
      ChainOf(SmallSlots(), {{1, 2 * kSlot, "E1", crypto::Crc64(bytes.substr(0, 2 * kSlot))}}, std::nullopt);
  UploadProgress progress(SmallSlots(), std::nullopt, 0, before);
  EXPECT_EQ(progress.received(), 2 * kSlot);
  EXPECT_EQ(progress.next_part(), 3u);
  ASSERT_THAT(progress.Receive(2 * kSlot, absl::Cord(bytes.substr(2 * kSlot))), IsOk());
  EXPECT_EQ(progress.crc64(), crypto::Crc64(bytes));
  EXPECT_THAT(progress.CheckWhole(crypto::Crc64(bytes)), IsOk());
  EXPECT_THAT(progress.CheckWhole(1), FailsWith(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH"));

  // Of parts without a sum nobody knows the whole's.
  before.crc64.reset();
  UploadProgress blind(SmallSlots(), std::nullopt, 0, before);
  EXPECT_EQ(blind.crc64(), std::nullopt);
  EXPECT_THAT(blind.CheckWhole(1), IsOk());
}

TEST(UploadProgressTest, AGapAndTooManyBytesAreRefusedWhateverTheNumbers) {
  UploadProgress progress(SmallSlots(), 10, 0, {});
  ASSERT_THAT(progress.Receive(0, absl::Cord("abc")), IsOk());
  for (const uint64_t offset : {uint64_t{4}, uint64_t{11}, UINT64_MAX}) {
    const absl::Status status = progress.Receive(offset, absl::Cord("x")).status();
    EXPECT_THAT(status, FailsWith(absl::StatusCode::kOutOfRange, "OFFSET_GAP"));
    EXPECT_EQ(Metadata(status)["wanted_offset"], "3");
  }
  EXPECT_THAT(progress.Receive(3, absl::Cord("12345678")).status(),
              FailsWith(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED"));
  EXPECT_THAT(progress.CheckWhole(std::nullopt), FailsWith(absl::StatusCode::kOutOfRange, "SIZE_UNMET"));
  EXPECT_EQ(progress.received(), 3u);

  UploadProgress limited(PartPlan::OfUnknownSize(5), std::nullopt, 5, {});
  EXPECT_THAT(limited.Receive(0, absl::Cord("123456")).status(),
              FailsWith(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED"));
  EXPECT_THAT(limited.Receive(0, absl::Cord("12345")), IsOk());
}

TEST(UploadProgressTest, PartsThatDoNotJoinYetAreNotCommitted) {
  UploadProgress progress(SmallSlots(), std::nullopt, 0, {});
  ASSERT_THAT(progress.Receive(0, absl::Cord(Bytes(3 * kSlot))), IsOk());
  const auto first = progress.Cut(1, false);
  const auto second = progress.Cut(1, false);
  EXPECT_EQ(second.number, 2u);
  progress.Store(Answer(second));
  EXPECT_EQ(progress.committed(), 0u);
  progress.Store(Answer(first));
  EXPECT_EQ(progress.committed(), 2 * kSlot);
  progress.Store(Answer(first));  // an answer that comes twice
  EXPECT_EQ(progress.committed(), 2 * kSlot);
  EXPECT_EQ(progress.stored_parts().size(), 2u);
}

TEST(UploadProgressTest, OfAnUnknownSizeTheTailIsAPartOfItsOwnSinceNoChainGoesOnBehindIt) {
  const std::string bytes = Bytes(3 * kSlot + 7);
  UploadProgress unknown(SmallSlots(), std::nullopt, 0, {});
  ASSERT_THAT(unknown.Receive(0, absl::Cord(bytes)), IsOk());
  EXPECT_EQ(unknown.Cut(16 * kSlot, true).size, 3 * kSlot);
  EXPECT_EQ(unknown.Cut(16 * kSlot, true).size, 7u);
  EXPECT_EQ(unknown.crc64(), crypto::Crc64(bytes));
  UploadProgress declared(SmallSlots(), bytes.size(), 0, {});
  ASSERT_THAT(declared.Receive(0, absl::Cord(bytes)), IsOk());
  EXPECT_EQ(declared.Cut(16 * kSlot, true).size, bytes.size());
}

TEST(UploadProgressTest, ThePartThatFollowsHasTheSlotsThatFit) {
  const UploadProgress equal(SmallSlots(), std::nullopt, 0, {});
  EXPECT_EQ(equal.SlotsWithin(1), 1u);
  EXPECT_EQ(equal.SlotsWithin(2 * kSlot - 1), 1u);
  EXPECT_EQ(equal.SlotsWithin(16 * kSlot), 16u);
  // Just before slots double: one of 256 KiB and one of 512.
  const PartPlan doubling = PartPlan::OfUnknownSize(0);
  PartChain stored;
  stored.bytes = doubling.Start(PartPlan::kTier);
  const UploadProgress late(doubling, std::nullopt, 0, stored);
  EXPECT_EQ(late.SlotsWithin(3 * kSlot - 1), 1u);
  EXPECT_EQ(late.SlotsWithin(3 * kSlot), 2u);
  stored.bytes = doubling.capacity();
  EXPECT_EQ(UploadProgress(doubling, std::nullopt, 0, stored).SlotsWithin(UINT64_MAX), 1u);
}

TEST(UploadProgressTest, PartsTooLargeToKeepStreamThrough) {
  // Slots of more than 16 MiB: an object of a terabyte, resumed near its end.
  const uint64_t size = uint64_t{1} << 40;
  const PartPlan plan = *PartPlan::OfSize(size);
  const uint64_t slot = plan.slot_bytes();
  ASSERT_GT(slot, UploadProgress::kLargestKept);
  PartChain before;
  before.bytes = size / slot * slot - slot;
  UploadProgress progress(plan, size, 0, before);
  EXPECT_TRUE(progress.streams());
  EXPECT_EQ(progress.streamed_bytes(), slot);
  EXPECT_FALSE(progress.CanCut(false));
  const std::string piece = Bytes(1 << 20);
  uint64_t sum = 0;
  uint64_t taken = 0;
  while (!progress.CanFinishStreamed(false)) {
    const uint64_t next = std::min<uint64_t>(piece.size(), slot - taken);
    ASSERT_THAT(progress.Receive(progress.received(), absl::Cord(piece.substr(0, next))), IsOk());
    sum = crypto::Crc64(piece.substr(0, next), sum);
    taken += progress.TakeStreamed().size();
    EXPECT_EQ(progress.gathered(), 0u);
  }
  const auto part = progress.FinishStreamed();
  EXPECT_EQ(part.size, slot);
  EXPECT_EQ(part.crc64, sum);
  EXPECT_EQ(part.offset, before.bytes);
  progress.Store(Answer(part));
  EXPECT_EQ(progress.committed(), before.bytes + slot);
  EXPECT_EQ(progress.streams(), size - progress.committed() > UploadProgress::kLargestKept);
}

TEST(UploadProgressTest, AStreamedPartOfAnUnknownSizeEndsWhereTheObjectDoes) {
  const PartPlan plan = PartPlan::OfUnknownSize(0);
  uint32_t large = 1;
  while (plan.BytesOf(large) <= UploadProgress::kLargestKept) ++large;
  PartChain before;
  before.bytes = plan.Start(large);
  UploadProgress progress(plan, std::nullopt, 0, before);
  EXPECT_TRUE(progress.streams());
  EXPECT_EQ(progress.streamed_bytes(), std::nullopt);
  ASSERT_THAT(progress.Receive(before.bytes, absl::Cord("the end")), IsOk());
  EXPECT_EQ(progress.TakeStreamed(), "the end");
  EXPECT_FALSE(progress.CanFinishStreamed(false));
  EXPECT_TRUE(progress.CanFinishStreamed(true));
  EXPECT_EQ(progress.FinishStreamed().number, large);
}

}  // namespace
}  // namespace sluice::gateway
