// SPDX-License-Identifier: Apache-2.0
#include "common/base/secret_string.h"

#include <sstream>

#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(SecretStringTest, PrintsRedacted) {
  std::ostringstream out;
  out << SecretString("hunter2");

  EXPECT_EQ(out.str(), "[redacted]");
}

TEST(SecretStringTest, MovedFromHoldsNothing) {
  SecretString a("short");
  SecretString b = std::move(a);

  EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is the claim
  EXPECT_EQ(b.Reveal(), "short");
}

TEST(SecretStringTest, ComparesByContent) {
  EXPECT_TRUE(SecretString("abc") == SecretString("abc"));
  EXPECT_FALSE(SecretString("abc") == SecretString("abd"));
  EXPECT_FALSE(SecretString("abc") == SecretString("abcd"));
}

}  // namespace
}  // namespace sluice
