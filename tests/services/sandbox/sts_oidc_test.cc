// SPDX-License-Identifier: Apache-2.0
#include "common/crypto/encoding.h"
#include "common/http/target.h"
#include "tests/services/sandbox/sts_fixture.h"

namespace sluice::sandbox {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kProvider[] = "acs:ram::1000000000000001:oidc-provider/sandbox";
constexpr char kSubject[] = "system:serviceaccount:sluice:sluice-broker";

// AssumeRoleWithOIDC as a pod with a service-account token calls it.
class StsOidcTest : public StsTest {
 protected:
  std::string Mint(const std::string& subject = kSubject, const std::string& audience = "sts.aliyuncs.com",
                   const std::string& more = "") {
    http::RequestHead head;
    head.method = "GET";
    head.target = "/token?subject=" + subject + "&audience=" + audience + more;
    std::string out;
    identity_.Start(std::move(head))->OnEnd([&](const http::Answer& answer) {
      EXPECT_EQ(answer.status, 200);
      out = answer.body.substr(0, answer.body.size() - 1);
    });
    return out;
  }
  http::Answer Assume(const std::string& token, const std::map<std::string, std::string>& others = {}) {
    std::map<std::string, std::string> parameters = {
        {"Action", "AssumeRoleWithOIDC"}, {"Version", "2015-04-01"},      {"Format", "JSON"},
        {"RoleArn", kBrokerRole},         {"OIDCProviderArn", kProvider}, {"OIDCToken", token},
        {"RoleSessionName", "pod"}};
    for (const auto& [name, value] : others) parameters[name] = value;
    std::string body;
    for (const auto& [name, value] : parameters)
      body += (body.empty() ? "" : "&") + name + "=" + crypto::PercentEncode(value);
    return Send(
        {"POST", "", {{"Content-Type", "application/x-www-form-urlencoded"}}, body, nullptr, nullptr});
  }
};

TEST_F(StsOidcTest, ATokenOfTheProviderGetsASessionWithoutASignature) {
  for (const char* algorithm : {"RS256", "ES256"}) {
    const http::Answer answer = Assume(Mint(kSubject, "sts.aliyuncs.com", std::string("&alg=") + algorithm),
                                       {{"DurationSeconds", "900"}});

    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto body = ParseJson(answer.body).value();
    EXPECT_EQ(body.at("AssumedRoleUser").at("Arn").as_string(), std::string(kBrokerRole) + "/pod");
    EXPECT_EQ(body.at("Credentials").at("Expiration").as_string(), "2026-01-01T00:15:00Z");
    EXPECT_EQ(boost::json::serialize(body.at("OIDCTokenInfo")),
              R"({"Subject":"system:serviceaccount:sluice:sluice-broker","Issuer":"http://127.0.0.1:9003",)"
              R"("ClientIds":"sts.aliyuncs.com","IssuanceTime":"2026-01-01T00:00:00Z",)"
              R"("ExpirationTime":"2026-01-01T01:00:00Z","VerificationInfo":"Success"})");
    const aliyun::Credentials session = Session(body.at("Credentials"));
    const http::Answer who = Send(Signed("GetCallerIdentity", {}, session));
    EXPECT_THAT(who.body, HasSubstr("acs:ram::1000000000000001:assumed-role/sluice-broker/pod"));
    EXPECT_EQ(Send(Signed("AssumeRole", {{"RoleArn", kRole}, {"RoleSessionName", "alice"}}, session)).status,
              200);
  }
  EXPECT_EQ(stats_.Read().sessions_issued, 4u);
}

TEST_F(StsOidcTest, WhoTheTrustPolicyDoesNotNameIsRefused) {
  const http::Answer other = Assume(Mint("system:serviceaccount:sluice:other"));
  EXPECT_EQ(other.status, 401);
  EXPECT_EQ(Code(other), "AuthenticationFail.NoPermission");
  // This role trusts a user and a role, no provider.
  EXPECT_EQ(Code(Assume(Mint(), {{"RoleArn", kRole}})), "AuthenticationFail.NoPermission");
  const http::Answer missing = Assume(Mint(), {{"RoleArn", "acs:ram::1000000000000001:role/nobody"}});
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(Code(missing), "EntityNotExist.Role");
  EXPECT_EQ(Code(Assume(Mint(), {{"RoleArn", "acs:ram::1000000000000002:role/sluice-broker"}})),
            "EntityNotExist.Role");
  EXPECT_EQ(Code(Assume(Mint(), {{"OIDCProviderArn", "acs:ram::1000000000000001:oidc-provider/other"}})),
            "AuthenticationFail.NoPermission");
}

TEST_F(StsOidcTest, TrustMayAskForTheIssuerAndForSubjectsAlike) {
  const auto role = [](const std::string& issuer) {
    return Role{"pods", "", std::chrono::hours(1),
                ParsePolicy(R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
                  "Principal":{"Federated":["acs:ram::1000000000000001:oidc-provider/sandbox"]},"Condition":{
                  "StringEquals":{"oidc:iss":")" +
                                issuer + R"("},
                  "StringLike":{"oidc:sub":"system:serviceaccount:sluice:*"}}}]})",
                            PolicyKind::kTrust)
                    .value(),
                std::make_shared<const Policy>()};
  };
  for (const auto& [issuer, allowed] : {std::pair("http://127.0.0.1:9003", true), {"http://other", false}}) {
    World world("1000000000000001", {}, {role(issuer)}, {});
    StsEndpoint endpoint(world, clock_, identity_, faults_, stats_, log_);
    for (const auto& [subject, alike] : {std::pair("system:serviceaccount:sluice:any", true),
                                         {"system:serviceaccount:default:any", false}}) {
      const std::string body =
          "Action=AssumeRoleWithOIDC&Version=2015-04-01&RoleSessionName=pod&RoleArn="
          "acs:ram::1000000000000001:role/pods&OIDCProviderArn=" +
          std::string(kProvider) + "&OIDCToken=" + Mint(subject);
      http::Request request{"POST", "", {{"Content-Type", "application/x-www-form-urlencoded"}}, body};
      auto exchange = endpoint.Start(Head(request));
      ASSERT_TRUE(exchange->OnBody(body).ok());
      int status = 0;
      exchange->OnEnd([&](const http::Answer& answer) { status = answer.status; });
      EXPECT_EQ(status == 200, allowed && alike) << issuer << subject;
    }
  }
}

TEST_F(StsOidcTest, EachBadParameterHasItsCode) {
  const std::string token = Mint();
  EXPECT_EQ(Code(Assume("")), "MissingOIDCToken");
  EXPECT_EQ(Code(Assume(token, {{"OIDCProviderArn", ""}})), "MissingOIDCProviderArn");
  EXPECT_EQ(Code(Assume(token, {{"RoleArn", ""}})), "MissingRoleArn");
  EXPECT_EQ(Code(Assume(token, {{"RoleArn", "role"}})), "InvalidParameter.RoleArn");
  EXPECT_EQ(Code(Assume(token, {{"RoleSessionName", "a/b"}})), "InvalidParameter.RoleSessionName");
  EXPECT_EQ(Code(Assume(token, {{"DurationSeconds", "3601"}})), "InvalidParameter.DurationSeconds");
  EXPECT_EQ(Code(Assume(token, {{"Policy", "{}"}})), "InvalidParameter.PolicyGrammar");
  EXPECT_EQ(Code(Assume("abc")), "InvalidParameter.OIDCToken");
  EXPECT_EQ(Code(Assume(std::string(20001, 'a'))), "InvalidParameter.OIDCToken");
  EXPECT_EQ(Code(Assume("a.b.c")), "AuthenticationFail.OIDCToken.Invalid");
  EXPECT_EQ(Code(Assume(Mint(kSubject, "sluice"))), "AuthenticationFail.OIDCToken.AudienceNotMatch");
  const std::string brief = Mint(kSubject, "sts.aliyuncs.com", "&ttl=5m");
  clock_.Advance(std::chrono::minutes(5));
  EXPECT_EQ(Code(Assume(brief)), "AuthenticationFail.OIDCToken.Expired");
  EXPECT_EQ(stats_.Read().sessions_issued, 0u);
}

TEST_F(StsOidcTest, NeitherLogNorRefusalRepeatsTheToken) {
  const std::string token = Mint("system:serviceaccount:sluice:other");
  const http::Answer answer = Assume(token);
  const std::string signature = token.substr(token.rfind('.'));
  EXPECT_THAT(answer.body, Not(HasSubstr(signature)));
  EXPECT_THAT(std::string(http::FindHeader(answer.headers, "x-sluice-hint")), Not(HasSubstr(signature)));
  for (const std::string& line : log_.lines()) EXPECT_THAT(line, Not(HasSubstr(signature)));
}

}  // namespace
}  // namespace sluice::sandbox
