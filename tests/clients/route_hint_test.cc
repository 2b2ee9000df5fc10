// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/route_hint.h"

#include <gtest/gtest.h>

#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"

namespace sluice::client {
namespace {

std::string Jwt(const std::string& payload) { return "e30." + crypto::Base64UrlEncode(payload) + ".sig"; }

TEST(RouteHintTest, TheSameSubjectHasTheSameHintWhateverElseItsProofSays) {
  EXPECT_EQ(RouteHint(Jwt(R"({"sub":"alice","exp":1})")), RouteHint(Jwt(R"({"exp":2,"sub":"alice"})")));
  EXPECT_NE(RouteHint(Jwt(R"({"sub":"alice"})")), RouteHint(Jwt(R"({"sub":"bob"})")));
  EXPECT_EQ(RouteHint(Jwt(R"({"sub":"alice"})")), crypto::HexLower(crypto::Sha256("alice")).substr(0, 16));
}

TEST(RouteHintTest, AnythingElseIsHashedWhole) {
  for (const std::string& proof :
       std::vector<std::string>{"opaque", "a.b.c", "e30.e30.x", "..", "e30.!.x", Jwt("{\"sub\":7}"),
                                Jwt("[]"), std::string(100'000, '.')}) {
    EXPECT_EQ(RouteHint(proof), crypto::HexLower(crypto::Sha256(proof)).substr(0, 16)) << proof.substr(0, 40);
  }
  EXPECT_EQ(RouteHint(""), "");
}

}  // namespace
}  // namespace sluice::client
