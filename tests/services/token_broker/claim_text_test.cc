// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/claim_text.h"

#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;

TEST(ClaimTextTest, KeepsPlainBytesAndSpellsOutTheRest) {
  EXPECT_EQ(EncodeClaim("alice").value(), "alice");
  EXPECT_EQ(EncodeClaim("a.b_c@d-e").value(), "a.b_c@d-e");
  EXPECT_EQ(EncodeClaim("a/b").value(), "a=2Fb");
  EXPECT_EQ(EncodeClaim("*?${}=%\"").value(), "=2A=3F=24=7B=7D=3D=25=22");
  EXPECT_EQ(EncodeClaim(std::string("\0\n", 2)).value(), "=00=0A");
  EXPECT_EQ(EncodeClaim("é").value(), "=C3=A9");
}

TEST(ClaimTextTest, LookAlikesStayApart) {
  EXPECT_NE(EncodeClaim("\xC3\xA9").value(), EncodeClaim("e\xCC\x81").value());  // NFC and NFD
  EXPECT_NE(EncodeClaim("a=2F").value(), EncodeClaim("a/").value());
  EXPECT_NE(EncodeClaim("%2e").value(), EncodeClaim(".x").value());
}

TEST(ClaimTextTest, RefusesWhatCannotNameAFolder) {
  for (const std::string& value :
       {std::string(), std::string("."), std::string(".."), std::string(129, 'a'), std::string(43, '*')}) {
    EXPECT_THAT(EncodeClaim(value), FailsWith(absl::StatusCode::kInvalidArgument, "CLAIM_UNUSABLE")) << value;
  }
  EXPECT_EQ(EncodeClaim(std::string(128, 'a')).value().size(), 128u);
}

}  // namespace
}  // namespace sluice::broker
