// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/part_chain.h"

#include <algorithm>
#include <random>

#include "common/crypto/crc64.h"
#include "gtest/gtest.h"

namespace sluice::gateway {
namespace {

constexpr uint64_t kSlot = PartPlan::kSmallestSlot;
constexpr uint64_t kSize = 100 * kSlot + 17;

class PartChainTest : public ::testing::Test {
 protected:
  static StoredPart Part(uint32_t number, uint64_t bytes, std::optional<uint64_t> crc = 1) {
    return {number, bytes, "\"e" + std::to_string(number) + "\"", crc};
  }
  std::vector<uint32_t> Numbers(const std::vector<StoredPart>& stored,
                                std::optional<uint64_t> size = kSize) const {
    std::vector<uint32_t> out;
    for (const StoredPart& part : ChainOf(plan_, stored, size).parts) out.push_back(part.number);
    return out;
  }
  using N = std::vector<uint32_t>;
  const PartPlan plan_ = PartPlan::OfSize(kSize).value();
};

TEST_F(PartChainTest, PartsOfSeveralSlotsJoinAcrossTheirGaps) {
  const auto chain = ChainOf(plan_, {Part(4, kSlot), Part(1, 3 * kSlot), Part(5, 2 * kSlot)}, kSize);
  ASSERT_EQ(chain.parts.size(), 3u);
  EXPECT_EQ(chain.bytes, 6 * kSlot);
  EXPECT_EQ(Numbers({Part(2, kSlot)}), N{});
  EXPECT_EQ(Numbers({}), N{});
}

TEST_F(PartChainTest, WhatDoesNotJoinIsLeftOut) {
  // The part at 2 was begun by a stream that sent less; the one at 3 lies beyond a hole.
  EXPECT_EQ(Numbers({Part(1, 2 * kSlot), Part(2, kSlot), Part(4, kSlot)}), (N{1}));
  EXPECT_EQ(Numbers({Part(0, kSlot), Part(1, kSlot), Part(20000, kSlot)}), (N{1}));
  // Listed twice: the later one is what OSS has.
  EXPECT_EQ(ChainOf(plan_, {Part(1, kSlot), Part(1, 2 * kSlot)}, kSize).bytes, 2 * kSlot);
}

TEST_F(PartChainTest, APartThatEndsInsideASlotIsTheLastOrNone) {
  EXPECT_EQ(Numbers({Part(1, kSlot + 1)}), N{});
  EXPECT_EQ(Numbers({Part(1, 100 * kSlot), Part(101, 16)}), (N{1}));
  EXPECT_EQ(Numbers({Part(1, 100 * kSlot), Part(101, 17)}), (N{1, 101}));
  EXPECT_EQ(Numbers({Part(1, 100 * kSlot), Part(101, 18)}), (N{1}));
  EXPECT_EQ(Numbers({Part(1, kSlot), Part(2, 17)}, std::nullopt), (N{1}));
}

TEST_F(PartChainTest, SizesThatNoPartHasAreLeftOut) {
  for (uint64_t bytes : {uint64_t{0}, PartPlan::kLargestPart + kSlot, UINT64_MAX, UINT64_MAX - kSlot + 1}) {
    EXPECT_EQ(Numbers({Part(1, bytes)}), N{}) << bytes;
    EXPECT_EQ(Numbers({Part(1, kSlot), Part(2, bytes)}), (N{1})) << bytes;
  }
}

TEST_F(PartChainTest, TheCrcIsThatOfTheBytesUnlessOneIsMissing) {
  std::string bytes(3 * kSlot, '\0');
  std::mt19937 random(7);
  for (char& byte : bytes) byte = static_cast<char>(random());
  const std::string_view all = bytes;
  const auto part = [&](uint32_t number, uint64_t from, uint64_t length) {
    return Part(number, length, crypto::Crc64(all.substr(from, length)));
  };
  EXPECT_EQ(ChainOf(plan_, {part(1, 0, kSlot), part(2, kSlot, 2 * kSlot)}, kSize).crc64, crypto::Crc64(all));
  EXPECT_EQ(ChainOf(plan_, {part(1, 0, kSlot), Part(2, kSlot, std::nullopt)}, kSize).crc64, std::nullopt);
  EXPECT_EQ(ChainOf(plan_, {}, kSize).crc64, 0u);
}

TEST_F(PartChainTest, AgreesWithWalkingEveryByteForRandomParts) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::vector<StoredPart> stored;
    for (int i = 0; i < 12; ++i)
      stored.push_back(Part(1 + random() % 12, (1 + random() % 3) * kSlot + (random() % 8 == 0)));
    const auto chain = ChainOf(plan_, stored, kSize);
    uint64_t end = 0;
    for (size_t at = 0; at < chain.parts.size(); ++at) {
      ASSERT_EQ(plan_.Start(chain.parts[at].number), end);
      end += chain.parts[at].bytes;
    }
    ASSERT_EQ(chain.bytes, end);
    // Nothing that is there could go on.
    const auto next = std::find_if(stored.rbegin(), stored.rend(),
                                   [&](const StoredPart& part) { return plan_.SlotAt(end) == part.number; });
    ASSERT_TRUE(next == stored.rend() || next->bytes % kSlot != 0);
  }
}

}  // namespace
}  // namespace sluice::gateway
