// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oidc_token.h"

#include "common/base/json.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "gmock/gmock.h"
#include "tests/support/jwt_maker.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

constexpr int64_t kNow = 1767225600;

class OidcTokenTest : public ::testing::Test {
 protected:
  static json::object Claims() {
    return {{"iss", "http://idp"}, {"sub", "pod"},     {"aud", "sts.aliyuncs.com"},
            {"iat", kNow - 10},    {"exp", kNow + 60}, {"nbf", kNow - 10}};
  }
  // The refusal's code without its beginning, or `OK`.
  std::string Judge(const std::string& token) {
    const auto result = VerifyOidcToken(token, {"http://idp", {"sts.aliyuncs.com"}, *keys_},
                                        Time(std::chrono::seconds(kNow)));
    const auto* fault = std::get_if<Fault>(&result);
    if (fault == nullptr) return "OK";
    EXPECT_EQ(fault->status, 401);
    EXPECT_EQ(fault->hint.find(token.empty() ? "never" : token), std::string::npos);
    const std::string start = "AuthenticationFail.OIDCToken.";
    EXPECT_TRUE(fault->code.starts_with(start));
    return fault->code.substr(start.size());
  }
  std::string JudgeWith(const std::string& claim, const json::value& value) {
    json::object claims = Claims();
    claims[claim] = value;
    return Judge(maker_.Token(claims));
  }
  std::string JudgeWithout(const std::string& claim) {
    json::object claims = Claims();
    claims.erase(claim);
    return Judge(maker_.Token(claims));
  }

  sluice::testing::JwtMaker maker_{"RS256"};
  std::shared_ptr<const identity::Jwks> keys_ = identity::ParseJwks(maker_.Jwks()).value();
};

TEST_F(OidcTokenTest, AGoodTokenProvesItsSubject) {
  const auto result = VerifyOidcToken(maker_.Token(Claims()), {"http://idp", {"sts.aliyuncs.com"}, *keys_},
                                      Time(std::chrono::seconds(kNow)));
  const auto& subject = std::get<OidcSubject>(result);
  EXPECT_EQ(subject.subject, "pod");
  EXPECT_EQ(subject.issuer, "http://idp");
  EXPECT_EQ(subject.client_id, "sts.aliyuncs.com");
  EXPECT_EQ(subject.issued, Time(std::chrono::seconds(kNow - 10)));
  EXPECT_EQ(subject.expires, Time(std::chrono::seconds(kNow + 60)));
  EXPECT_EQ(JudgeWith("aud", json::array{"other", "sts.aliyuncs.com"}), "OK");
}

TEST_F(OidcTokenTest, EachFailingHasItsCode) {
  EXPECT_EQ(JudgeWith("iss", "http://idp/"), "IssuerNotMatch");
  EXPECT_EQ(JudgeWithout("iss"), "Invalid");
  for (const json::value& aud :
       {json::value("sluice"), json::value(json::array{}), json::value(json::array{1}), json::value(7),
        json::value(""), json::value("sts.aliyuncs.com "), json::value(json::array{"sluice"})}) {
    EXPECT_EQ(JudgeWith("aud", aud), "AudienceNotMatch") << json::serialize(aud);
  }
  EXPECT_EQ(JudgeWithout("aud"), "AudienceNotMatch");
  EXPECT_EQ(JudgeWith("aud", json::array{"sts.aliyuncs.com", 1}), "Invalid");
  EXPECT_EQ(JudgeWith("exp", kNow), "Expired");
  EXPECT_EQ(JudgeWith("exp", kNow + 1), "OK");
  for (const json::value& odd :
       {json::value("soon"), json::value(-1), json::value(1.5), json::value(nullptr)})
    EXPECT_EQ(JudgeWith("exp", odd), "Invalid") << json::serialize(odd);
  EXPECT_EQ(JudgeWithout("exp"), "Invalid");
  EXPECT_EQ(JudgeWith("nbf", kNow + 1), "Invalid");
  EXPECT_EQ(JudgeWith("iat", kNow + 1), "Invalid");
  EXPECT_EQ(JudgeWith("iat", "now"), "Invalid");
  EXPECT_EQ(JudgeWith("iat", 1e18), "Invalid");
  EXPECT_EQ(JudgeWithout("iat"), "Invalid");
  EXPECT_EQ(JudgeWith("sub", ""), "Invalid");
  EXPECT_EQ(JudgeWith("sub", json::array{"pod"}), "Invalid");
  EXPECT_EQ(JudgeWithout("sub"), "Invalid");
}

TEST_F(OidcTokenTest, ForgedTokensAreRefused) {
  const std::string good = maker_.Token(Claims());
  const std::string claims = json::serialize(Claims());
  const std::string body = crypto::Base64UrlEncode(claims);
  const sluice::testing::JwtMaker stranger("RS256");
  EXPECT_EQ(Judge(stranger.Token(Claims())), "InvalidSignature");
  const sluice::testing::JwtMaker other_algorithm("ES256");
  EXPECT_EQ(Judge(other_algorithm.Token(Claims())), "InvalidSignature");
  EXPECT_EQ(Judge(crypto::Base64UrlEncode(R"({"alg":"none"})") + "." + body + "."), "Invalid");
  const std::string hmac = crypto::Base64UrlEncode(R"({"alg":"HS256","kid":"k1"})") + "." + body;
  EXPECT_EQ(Judge(hmac + "." + crypto::Base64UrlEncode(crypto::HmacSha256(maker_.Jwks(), hmac))), "Invalid");
  std::string changed = claims;
  changed.replace(changed.find("pod"), 3, "god");
  EXPECT_EQ(Judge(good.substr(0, good.find('.') + 1) + crypto::Base64UrlEncode(changed) +
                  good.substr(good.rfind('.'))),
            "InvalidSignature");
  EXPECT_EQ(Judge(maker_.TokenOfTexts(R"({"alg":"RS256","kid":"k2"})", claims)), "InvalidSignature");
  EXPECT_EQ(Judge(maker_.TokenOfTexts(R"({"alg":"RS256","kid":"k1","crit":["x"],"x":1})", claims)),
            "Invalid");
  EXPECT_EQ(Judge(maker_.TokenOfTexts(R"({"alg":"RS256","kid":"k1","typ":"sluice-ticket+jwt"})", claims)),
            "Invalid");
  EXPECT_EQ(Judge(maker_.TokenOfTexts(R"({"alg":"RS256","kid":"k1"})",
                                      R"({"iss":"http://idp","iss":"http://idp"})")),
            "Invalid");
  for (const std::string& garbage :
       {std::string(), std::string("...."), std::string("a.b.c"), good + "=", good + ".", " " + good,
        good.substr(0, good.rfind('.')), std::string(20000, 'A'), std::string("\0\xff", 2)}) {
    EXPECT_EQ(Judge(garbage), "Invalid");
  }
}

}  // namespace
}  // namespace sluice::sandbox
