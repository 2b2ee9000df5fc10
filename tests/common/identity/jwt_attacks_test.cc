// SPDX-License-Identifier: Apache-2.0
// The known attacks on verifiers of JWTs, one by one. Each token but for its attack is good, and signed well
// where a signature is of any use to the attacker.
#include <openssl/evp.h>

#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "common/identity/jwt.h"
#include "tests/support/fake_clock.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/status_matchers.h"

namespace sluice::identity {
namespace {

using sluice::testing::IsOk;
using sluice::testing::JwtMaker;

constexpr char kClaims[] = R"({"iss":"https://id","sub":"alice","aud":"sluice","exp":1767229200})";
constexpr char kHeader[] = R"({"alg":"RS256","kid":"k1"})";

class JwtAttacksTest : public ::testing::Test {
 protected:
  // Whether the token is taken with the provider's own keys.
  bool Accepts(const std::string& token) const {
    const auto parsed = ParseJwt(token);
    return parsed.ok() && VerifyJwt(*parsed, *keys_, rules_, clock_.Now()).ok();
  }
  std::string Signed(const std::string& header, const std::string& claims) const {
    return maker_.TokenOfTexts(header, claims);
  }
  // `claims` of the good token with one text replaced.
  static std::string Turned(const std::string& from, const std::string& to) {
    std::string out = kClaims;
    out.replace(out.find(from), from.size(), to);
    return out;
  }
  static std::string Part(const std::string& text) { return crypto::Base64UrlEncode(text); }

  const JwtMaker maker_{"RS256"};
  const std::shared_ptr<const Jwks> keys_ = ParseJwks(maker_.Jwks()).value();
  const JwtRules rules_{"https://id", {"sluice"}, std::chrono::seconds(30)};
  sluice::testing::FakeClock clock_;
};

TEST_F(JwtAttacksTest, TheGoodTokenIsGood) { EXPECT_TRUE(Accepts(Signed(kHeader, kClaims))); }

TEST_F(JwtAttacksTest, NoSignatureUnderWhateverName) {
  for (const char* alg : {"none", "None", "NONE", "nOnE", "none ", "", "null"}) {
    const std::string head =
        Part(std::string(R"({"alg":")") + alg + R"(","kid":"k1"})") + "." + Part(kClaims) + ".";
    EXPECT_FALSE(Accepts(head)) << alg;
    EXPECT_FALSE(Accepts(head + "AA")) << alg;
    EXPECT_FALSE(Accepts(head.substr(0, head.size() - 1))) << alg;
  }
  const std::string good = Signed(kHeader, kClaims);
  EXPECT_FALSE(Accepts(good.substr(0, good.rfind('.') + 1)));
}

TEST_F(JwtAttacksTest, ThePublicKeyIsNoHmacSecret) {
  for (const std::string& secret : {maker_.Jwks(), boost::json::serialize(maker_.Jwk()),
                                    std::string(maker_.Jwk().at("n").as_string()), std::string()}) {
    for (const char* alg : {"HS256", "hs256", "RS256"}) {
      const std::string text =
          Part(std::string(R"({"alg":")") + alg + R"(","kid":"k1"})") + "." + Part(kClaims);
      EXPECT_FALSE(Accepts(text + "." + crypto::Base64UrlEncode(crypto::HmacSha256(secret, text)))) << alg;
    }
  }
}

TEST_F(JwtAttacksTest, AKeyOfTheAttackersOwnIsNoKey) {
  const JwtMaker attacker("RS256");
  const std::string jwk = boost::json::serialize(attacker.Jwk());
  for (const std::string& header :
       {R"({"alg":"RS256","kid":"k1","jwk":)" + jwk + "}", R"({"alg":"RS256","jwk":)" + jwk + "}",
        std::string(R"({"alg":"RS256","kid":"k1","jku":"https://evil/jwks"})"),
        std::string(R"({"alg":"RS256","kid":"k1","x5u":"https://evil/cert","x5c":["AAAA"]})"),
        std::string(R"({"alg":"RS256","kid":"../../../../dev/null"})"),
        std::string(R"({"alg":"RS256","kid":"' UNION SELECT 'key"})"),
        std::string(R"({"alg":"RS256","kid":["k1"]})"), std::string(R"({"alg":"RS256","kid":"k1\u0000"})"),
        std::string(R"({"alg":"RS256","kid":"K1"})")})
    EXPECT_FALSE(Accepts(attacker.TokenOfTexts(header, kClaims))) << header;
}

TEST_F(JwtAttacksTest, WhatTheHeaderCallsCriticalIsNotIgnored) {
  for (const char* header :
       {R"({"alg":"RS256","kid":"k1","crit":["exp"]})", R"({"alg":"RS256","kid":"k1","crit":[]})",
        R"({"alg":"RS256","kid":"k1","b64":false,"crit":["b64"]})",
        R"({"alg":"RS256","kid":"k1","b64":false})"})
    EXPECT_FALSE(Accepts(Signed(header, kClaims))) << header;
}

TEST_F(JwtAttacksTest, NothingIsSaidTwice) {
  EXPECT_FALSE(Accepts(Signed(R"({"alg":"RS256","kid":"k1","kid":"k1"})", kClaims)));
  EXPECT_FALSE(Accepts(Signed(kHeader, Turned("\"sub\":\"alice\"", "\"sub\":\"alice\",\"sub\":\"bob\""))));
  EXPECT_FALSE(
      Accepts(Signed(kHeader, Turned("\"sub\":\"alice\"", "\"sub\":\"alice\",\"\\u0073ub\":\"bob\""))));
  EXPECT_FALSE(Accepts(Signed(kHeader, std::string(kClaims) + kClaims)));
}

TEST_F(JwtAttacksTest, TimesAreWholeSecondsOfThisWorld) {
  for (const char* exp : {"1e999", "1767229200.5", "1.7672292e9", "99999999999999999999", "-1",
                          "\"1767229200\"", "null", "true", "[1767229200]", "253402300800", "1767225569"})
    EXPECT_FALSE(Accepts(Signed(kHeader, Turned("1767229200", exp)))) << exp;
  // "No end" is an end in 2200, not one that has wrapped around.
  EXPECT_TRUE(Accepts(Signed(kHeader, Turned("1767229200", "9999999999"))));
  EXPECT_TRUE(Accepts(Signed(kHeader, Turned("1767229200", "253402300799"))));
  EXPECT_FALSE(Accepts(Signed(kHeader, Turned("1767229200", "1767229200,\"nbf\":253402300799"))));
  EXPECT_FALSE(Accepts(Signed(kHeader, Turned(",\"exp\":1767229200", ""))));
  EXPECT_FALSE(Accepts(Signed(kHeader, Turned("1767229200", "1767229200,\"nbf\":1767229200"))));
}

TEST_F(JwtAttacksTest, AudiencesAreTextsAndOneIsOurs) {
  EXPECT_TRUE(Accepts(Signed(kHeader, Turned("\"sluice\"", "[\"other\",\"sluice\"]"))));
  for (const char* aud : {"[]", "[\"other\"]", "[[\"sluice\"]]", "[\"sluice\",1]", "{\"sluice\":1}",
                          "\"sluice \"", "\"SLUICE\"", "\"*\"", "null", "1"})
    EXPECT_FALSE(Accepts(Signed(kHeader, Turned("\"sluice\"", aud)))) << aud;
}

TEST_F(JwtAttacksTest, IssuerAndSubjectAreExactTexts) {
  for (const char* iss :
       {"\"https://id/\"", "\"HTTPS://ID\"", "[\"https://id\"]", "\"https://id\\u0000\"", "null"})
    EXPECT_FALSE(Accepts(Signed(kHeader, Turned("\"https://id\"", iss)))) << iss;
  for (const char* sub : {"\"\"", "7", "null", "[\"alice\"]", "{}"})
    EXPECT_FALSE(Accepts(Signed(kHeader, Turned("\"alice\"", sub)))) << sub;
}

TEST_F(JwtAttacksTest, Base64HasOneSpelling) {
  const std::string good = Signed(kHeader, kClaims);
  const size_t dot = good.rfind('.');
  std::string sloppy = good;
  // The last character of 256 bytes carries two bits only: others mean the same to a careless decoder.
  sloppy.back() = sloppy.back() == 'A' ? 'B' : static_cast<char>(sloppy.back() + 1);
  for (const std::string& token : {good + "=", good + "==", good + "\n", " " + good, good + " ", sloppy,
                                   good.substr(0, dot) + ".." + good.substr(dot + 1), good + ".", "." + good})
    EXPECT_FALSE(Accepts(token)) << token.substr(token.size() - 8);
}

TEST_F(JwtAttacksTest, OtherTokensOfTheSameIssuerAreNoProof) {
  for (const char* type : {"sluice-ticket+jwt", "logout+jwt", "secevent+jwt", "dpop+jwt", "JOSE", ""})
    EXPECT_FALSE(Accepts(Signed(std::string(R"({"alg":"RS256","kid":"k1","typ":")") + type + "\"}", kClaims)))
        << type;
  EXPECT_TRUE(Accepts(Signed(R"({"alg":"RS256","kid":"k1","typ":"at+jwt"})", kClaims)));
}

}  // namespace
}  // namespace sluice::identity
