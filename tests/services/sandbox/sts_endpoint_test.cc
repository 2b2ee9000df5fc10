// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_endpoint.h"

#include "common/aliyun/api_signer.h"
#include "common/base/json.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_log.h"

namespace sluice::sandbox {
namespace {

constexpr char kRole[] = "acs:ram::1000000000000001:role/sluice-uploader";

class StsEndpointTest : public ::testing::Test {
 protected:
  http::Answer Send(http::Request request) {
    http::RequestHead head;
    head.method = request.method;
    head.target = "/";
    head.headers = request.headers;
    auto exchange = endpoint_.Start(std::move(head));
    EXPECT_TRUE(exchange->OnBody(request.body).ok());
    http::Answer out;
    exchange->OnEnd([&](http::Answer answer) { out = std::move(answer); });
    return out;
  }
  http::Answer Assume(aliyun::Pairs parameters, const std::string& secret = "sandbox-broker-secret") {
    return Send(aliyun::SignApiCall({"http://sts", "AssumeRole", "2015-04-01", std::move(parameters)},
                                    {"SANDBOXBROKERKEYID00", SecretString(secret), {}, std::nullopt},
                                    clock_.Now(), "nonce" + std::to_string(++nonce_)));
  }
  static std::string Code(const http::Answer& answer) {
    return std::string(JsonText(ParseJson(answer.body)->get_object(), "Code"));
  }

  sluice::testing::FakeClock real_;
  SandboxClock clock_{real_};
  std::unique_ptr<World> world_ = World::Default();
  sluice::testing::FakeLog log_;
  StsEndpoint endpoint_{*world_, clock_, log_};
  int nonce_ = 0;
};

TEST_F(StsEndpointTest, IssuesASessionWithTheLifeAskedFor) {
  const http::Answer answer =
      Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}, {"DurationSeconds", "900"}});

  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = ParseJson(answer.body).value();
  EXPECT_EQ(body.at("Credentials").at("Expiration").as_string(), "2026-01-01T00:15:00Z");
  EXPECT_NE(world_->FindKey(body.at("Credentials").at("AccessKeyId").as_string().c_str()), nullptr);
}

TEST_F(StsEndpointTest, ASessionLearnsWhoItIs) {
  const auto assumed = ParseJson(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}}).body).value();
  EXPECT_EQ(assumed.at("AssumedRoleUser").at("Arn").as_string(), std::string(kRole) + "/alice");
  auto text = [&](const char* member) {
    const auto& value = assumed.at("Credentials").at(member).as_string();
    return std::string(value.data(), value.size());
  };

  const http::Answer answer =
      Send(aliyun::SignApiCall({"http://sts", "GetCallerIdentity", "2015-04-01", {}},
                               {text("AccessKeyId"), SecretString(text("AccessKeySecret")),
                                SecretString(text("SecurityToken")), std::nullopt},
                               clock_.Now(), "who"));

  const auto who = ParseJson(answer.body).value();
  EXPECT_EQ(who.at("IdentityType").as_string(), "AssumedRoleUser");
  EXPECT_EQ(who.at("Arn").as_string(), "acs:ram::1000000000000001:assumed-role/sluice-uploader/alice");
  EXPECT_EQ(who.at("PrincipalId"), assumed.at("AssumedRoleUser").at("AssumedRoleId"));
}

TEST_F(StsEndpointTest, EachBadParameterHasItsCode) {
  EXPECT_EQ(Code(Assume({{"RoleSessionName", "alice"}})), "MissingRoleArn");
  EXPECT_EQ(Code(Assume({{"RoleArn", "role"}, {"RoleSessionName", "alice"}})), "InvalidParameter.RoleArn");
  EXPECT_EQ(Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "a/b"}})),
            "InvalidParameter.RoleSessionName");
  for (const char* seconds : {"899", "3601", "x", "-1", "99999999999999999999", ""}) {
    const std::string code =
        Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}, {"DurationSeconds", seconds}}));
    EXPECT_EQ(code, *seconds == 0 ? "" : "InvalidParameter.DurationSeconds") << seconds;
  }
  EXPECT_EQ(Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}, {"Policy", "{}"}})),
            "InvalidParameter.PolicyGrammar");
  EXPECT_EQ(
      Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}, {"Policy", std::string(2049, ' ')}})),
      "InvalidParameter.PolicySize");
  EXPECT_EQ(Code(Assume({{"RoleArn", "acs:ram::1000000000000001:role/other"}, {"RoleSessionName", "alice"}})),
            "NoPermission");
}

TEST_F(StsEndpointTest, WrongSecretOldTimeAndUsedNonceAreRefused) {
  EXPECT_EQ(Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}}, "no")), "SignatureDoesNotMatch");
  const http::Request request =
      aliyun::SignApiCall({"http://sts", "GetCallerIdentity", "2015-04-01", {}},
                          {"SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, std::nullopt},
                          clock_.Now(), "once");
  EXPECT_EQ(Send(request).status, 200);
  EXPECT_EQ(Code(Send(request)), "SignatureNonceUsed");
  clock_.Advance(std::chrono::minutes(16));
  EXPECT_EQ(Code(Send(request)), "InvalidTimeStamp.Expired");
}

TEST_F(StsEndpointTest, EveryHeaderThatMattersMustBeSigned) {
  const aliyun::Credentials broker{
      "SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, std::nullopt};
  const http::Request whole =
      aliyun::SignApiCall({"http://sts", "GetCallerIdentity", "2015-04-01", {}}, broker, clock_.Now(), "a");
  for (const char* left_out : {"host", "x-acs-action", "x-acs-version", "x-acs-date", "x-acs-signature-nonce",
                               "x-acs-content-sha256"}) {
    http::Request request = whole;
    std::erase_if(request.headers, [](const auto& header) { return header.first == "Authorization"; });
    aliyun::ApiRequest text{"POST",
                            "/",
                            {},
                            request.headers,
                            std::string(http::FindHeader(request.headers, "x-acs-content-sha256"))};
    std::erase_if(text.headers, [&](const auto& header) { return header.first == left_out; });
    request.headers.emplace_back(
        "Authorization",
        "ACS3-HMAC-SHA256 Credential=" + broker.access_key_id +
            ",SignedHeaders=" + aliyun::ApiSignedHeaders(text) + ",Signature=" +
            aliyun::ApiSignature(broker.access_key_secret,
                                 aliyun::ApiStringToSign(aliyun::ApiCanonicalRequest(text))));
    EXPECT_EQ(Code(Send(request)), "IncompleteSignature") << left_out;
  }
  EXPECT_EQ(Send(whole).status, 200);
}

TEST_F(StsEndpointTest, ParametersAreSortedByName) {
  // By name T.1 comes before T.10; as whole texts "T.1=" comes after "T.10=".
  const std::string text =
      "POST&%2F&" + crypto::PercentEncode(
                        "AccessKeyId=SANDBOXBROKERKEYID00&Action=GetCallerIdentity&SignatureMethod=HMAC-SHA1"
                        "&SignatureNonce=n&SignatureVersion=1.0&T.1=a&T.10=b"
                        "&Timestamp=2026-01-01T00%3A00%3A00Z&Version=2015-04-01");
  const std::string signature = crypto::Base64Encode(crypto::HmacSha1("sandbox-broker-secret&", text));
  const std::string body =
      "AccessKeyId=SANDBOXBROKERKEYID00&Action=GetCallerIdentity&SignatureMethod=HMAC-SHA1&SignatureNonce=n"
      "&SignatureVersion=1.0&T.1=a&T.10=b&Timestamp=2026-01-01T00%3A00%3A00Z&Version=2015-04-01&Signature=" +
      crypto::PercentEncode(signature);

  const http::Answer answer =
      Send({"POST", "", {{"Content-Type", "application/x-www-form-urlencoded"}}, body, nullptr, nullptr});

  EXPECT_EQ(answer.status, 200) << answer.body;
}

TEST_F(StsEndpointTest, GarbageIsAnError) {
  for (const char* body : {"", "%", "Action=AssumeRole", "a=b&a=b", "=&=&="}) {
    http::Request request{"POST", "", {{"Content-Type", "application/x-www-form-urlencoded"}}, body};
    EXPECT_GE(Send(request).status, 400) << body;
  }
}

}  // namespace
}  // namespace sluice::sandbox
