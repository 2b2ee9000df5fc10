// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/limits.h"

#include <random>

#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

TEST(LimitsTest, TypesMatchWithoutCaseAndParameters) {
  const Limits limits{0, {"image/*", "text/plain"}, false};
  for (const char* type : {"image/png", "IMAGE/PNG", "image/svg+xml", "text/plain; charset=utf-8"})
    EXPECT_TRUE(AllowsType(limits, type)) << type;
  for (const char* type : {"", "image", "images/png", "text/html", "text/plainx", "application/image/png"})
    EXPECT_FALSE(AllowsType(limits, type)) << type;
  EXPECT_TRUE(AllowsType({}, "anything/at-all"));
}

TEST(LimitsTest, OnlyRealTypesAreTypes) {
  for (const char* type :
       {"image/png", "application/vnd.a+b-c.1", "text/plain;charset=utf-8", "text/plain ; a=b"})
    EXPECT_TRUE(IsContentType(type)) << type;
  for (const char* type : {"", "/", "a/", "/b", "image/*", "a/b\r\nX: y", "a b/c", "$a/b", "a/b;\x01"})
    EXPECT_FALSE(IsContentType(type)) << type;
  EXPECT_TRUE(IsContentType("image/*", true));
  EXPECT_FALSE(IsContentType("*/*", true));
}

// Whoever signs parts one by one, and remembers none of them, still bounds the whole.
TEST(LimitsTest, NoChoiceOfPartsExceedsTheLimitTogether) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 300; ++round) {
    const Limits limits{random() % (1ull << (10 + random() % 36)) + 1, {}, false};
    const uint64_t slot = PartBytes(limits.max_object_bytes);
    uint64_t total = 0;
    for (uint64_t number = 1; number <= kMostParts; ++number) {
      // The largest length that is accepted, by halving.
      uint64_t low = 0;
      uint64_t high = slot + 2;
      while (high - low > 1) {
        const uint64_t middle = low + (high - low) / 2;
        (CheckPart(limits, number, middle).ok() ? low : high) = middle;
      }
      total += low;
      if (low == 0) break;
    }
    EXPECT_EQ(total, limits.max_object_bytes);
  }
}

TEST(LimitsTest, PartsOfALimitedObjectNeedTheirLength) {
  EXPECT_THAT(CheckPart({100, {}, false}, 1, std::nullopt),
              FailsWith(absl::StatusCode::kFailedPrecondition, "LIMIT_NOT_ENFORCEABLE"));
  EXPECT_THAT(CheckPart({100, {}, true}, 1, std::nullopt), IsOk());
  EXPECT_THAT(CheckPart({}, 10000, std::nullopt), IsOk());
}

TEST(LimitsTest, TenThousandPartsReachEverySize) {
  for (uint64_t size = 1; size <= kMostParts * kLargestBody; size = size * 3 + 1)
    EXPECT_LE((size + PartBytes(size) - 1) / PartBytes(size), kMostParts) << size;
  EXPECT_LE(PartBytes(0), kLargestBody);
}

}  // namespace
}  // namespace sluice::broker
