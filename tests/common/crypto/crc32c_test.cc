// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::crypto {
namespace {

// RFC 3720, appendix B.4, and the check value of the CRC catalogue.
TEST(Crc32cTest, GivesThePublishedSums) {
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
}

TEST(Crc32cTest, GoesOnFromWhereItWas) {
  const std::string text(100'000, 'x');
  uint32_t sum = 0;
  for (size_t at = 0; at < text.size(); at += 777) sum = Crc32c(std::string_view(text).substr(at, 777), sum);
  EXPECT_EQ(sum, Crc32c(text));
}

}  // namespace
}  // namespace sluice::crypto
