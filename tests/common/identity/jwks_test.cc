// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwks.h"

#include "tests/support/jwt_maker.h"
#include "tests/support/status_matchers.h"

namespace sluice::identity {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::JwtMaker;
namespace json = boost::json;

std::string SetOf(const json::array& keys) { return json::serialize(json::object{{"keys", keys}}); }
auto IsInvalid() { return FailsWith(absl::StatusCode::kInvalidArgument, "JWKS_INVALID"); }

TEST(ParseJwksTest, PinsEachKeyToItsAlgorithm) {
  const JwtMaker rsa("RS256", "r");
  const JwtMaker ec("ES256", "e");
  const auto keys = ParseJwks(SetOf({rsa.Jwk(), ec.Jwk()}));

  ASSERT_THAT(keys, IsOk());
  EXPECT_NE((*keys)->Find("r", "RS256"), nullptr);
  EXPECT_EQ((*keys)->Find("r", "ES256"), nullptr);
  EXPECT_NE((*keys)->Find("e", "ES256"), nullptr);
  EXPECT_EQ((*keys)->Find("x", "ES256"), nullptr);
  EXPECT_NE((*keys)->Find("", "ES256"), nullptr);
}

TEST(ParseJwksTest, WithoutKidTwoKeysOfAnAlgorithmAreNoAnswer) {
  const auto keys = ParseJwks(SetOf({JwtMaker("ES256", "a").Jwk(), JwtMaker("ES256", "b").Jwk()}));

  ASSERT_THAT(keys, IsOk());
  EXPECT_EQ((*keys)->Find("", "ES256"), nullptr);
  EXPECT_NE((*keys)->Find("b", "ES256"), nullptr);
}

TEST(ParseJwksTest, KeysOfOtherKindsAreLeftOut) {
  json::object encryption = JwtMaker("RS256", "enc").Jwk();
  encryption["use"] = "enc";
  json::object oaep = JwtMaker("RS256", "oaep").Jwk();
  oaep["alg"] = "RSA-OAEP";
  json::object signing = JwtMaker("ES256", "signing").Jwk();
  signing["key_ops"] = json::array{"sign"};
  json::object twisted = JwtMaker("ES256", "twisted").Jwk();
  twisted["alg"] = "ES384";
  const auto keys = ParseJwks(
      SetOf({encryption, oaep, signing, twisted, json::object{{"kty", "OKP"}, {"crv", "X25519"}, {"x", "AA"}},
             json::object{{"kty", "EC"}, {"crv", "secp256k1"}, {"x", "AA"}, {"y", "AA"}},
             JwtMaker("ES256").Jwk()}));

  ASSERT_THAT(keys, IsOk());
  EXPECT_EQ((*keys)->size(), 1u);
}

TEST(ParseJwksTest, RefusesWeakPrivateTwistedAndHostileSets) {
  const json::object good = JwtMaker("ES256").Jwk();
  json::object off_curve = good;
  off_curve["x"] = crypto::Base64UrlEncode(std::string(32, '\x01'));
  json::object short_point = good;
  short_point["y"] = "AA";
  json::object with_private = good;
  with_private["d"] = "AA";
  json::object even = JwtMaker("RS256").Jwk();
  even["e"] = "AA";
  json::object huge = JwtMaker("RS256").Jwk();
  huge["n"] = crypto::Base64UrlEncode(std::string(2000, '\xff'));
  json::array many(65, good);

  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), std::string(R"({"keys":{}})"), SetOf({}),
        SetOf({1}), SetOf({good, good}), SetOf({off_curve}), SetOf({short_point}), SetOf({with_private}),
        SetOf({JwtMaker("RS256", "w", 1024).Jwk()}), SetOf({even}), SetOf({huge}), SetOf(many),
        SetOf({json::object{{"kty", "oct"}, {"k", "AA"}}}),
        SetOf({json::object{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AA"}}}),
        SetOf({json::object{{"kty", "RSA"}, {"n", "!"}, {"e", "AQAB"}}}), std::string(2 << 20, ' '),
        std::string(R"({"keys":[],"keys":[]})")}) {
    EXPECT_THAT(ParseJwks(text), IsInvalid()) << text.substr(0, 300);
  }
}

}  // namespace
}  // namespace sluice::identity
