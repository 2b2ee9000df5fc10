// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_endpoint.h"

#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "tests/services/sandbox/sts_fixture.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::IsOk;
using StsEndpointTest = StsTest;

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

TEST_F(StsEndpointTest, ARolesSessionMayAssumeWhatTrustsTheRole) {
  const auto session = world_->IssueSession(*world_->FindRole("sluice-broker"), "pod", std::nullopt,
                                            clock_.Now(), std::chrono::hours(1));
  aliyun::Credentials credentials{session->access_key_id, session->secret, session->security_token,
                                  std::nullopt};
  const aliyun::Pairs uploader = {{"RoleArn", kRole}, {"RoleSessionName", "alice"}};

  EXPECT_EQ(Send(Signed("AssumeRole", uploader, credentials)).status, 200);
  EXPECT_EQ(
      Code(Send(Signed("AssumeRole", {{"RoleArn", kBrokerRole}, {"RoleSessionName", "alice"}}, credentials))),
      "NoPermission");
  const http::Answer uploaded = Assume(uploader);
  EXPECT_EQ(Code(Send(Signed("AssumeRole", uploader,
                             Session(ParseJson(uploaded.body)->as_object().at("Credentials"))))),
            "NoPermission");
  credentials.security_token = {};
  EXPECT_EQ(Code(Send(Signed("AssumeRole", uploader, credentials))), "MissingSecurityToken");
  credentials.security_token = SecretString("CAISother");
  EXPECT_EQ(Code(Send(Signed("AssumeRole", uploader, credentials))),
            "InvalidSecurityToken.MismatchWithAccessKey");
}

TEST_F(StsEndpointTest, OrderedRefusalsAreWordedAsTheVendorsAndCostNothing) {
  const aliyun::Pairs parameters = {{"RoleArn", kRole}, {"RoleSessionName", "alice"}};
  const http::Request request =
      Signed("AssumeRole", parameters,
             {"SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, std::nullopt});
  const std::tuple<const char*, int, const char*> cases[] = {
      {"service=sts&kind=throttle&value=0", 400, "Throttling.User"},
      {"service=sts&kind=error&value=500", 500, "InternalError"},
      {"service=sts&kind=error&value=503", 503, "ServiceUnavailable"},
      {"service=sts&kind=error&value=502", 502, "InternalError"}};
  for (const auto& [order, status, code] : cases) {
    faults_.Clear();
    ASSERT_THAT(faults_.Arm(order), IsOk());
    const http::Answer answer = Send(request);
    EXPECT_EQ(answer.status, status) << order;
    EXPECT_EQ(Code(answer), code) << order;
    EXPECT_FALSE(JsonText(ParseJson(answer.body)->as_object(), "RequestId").empty());
  }
  faults_.Clear();

  EXPECT_EQ(Send(request).status, 200);  // the nonce was not used

  const auto counts = stats_.Read();
  EXPECT_EQ(counts.sessions_issued, 1u);
  EXPECT_EQ(counts.received.at("AssumeRole"), 5u);
  EXPECT_EQ(counts.Answered("AssumeRole", "InternalError"), 2u);
  EXPECT_EQ(counts.Answered("AssumeRole", "Throttling.User"), 1u);
}

TEST_F(StsEndpointTest, AThrottleComesBeforeTheSignature) {
  ASSERT_THAT(faults_.Arm("service=sts&kind=throttle&value=1"), IsOk());
  EXPECT_EQ(Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}}, "wrong")),
            "SignatureDoesNotMatch");
  EXPECT_EQ(Code(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}}, "wrong")), "Throttling.User");
  timers_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}}).status, 200);
}

TEST_F(StsEndpointTest, AClockThatIsOffIsStssAlone) {
  ASSERT_THAT(faults_.Arm("service=sts&kind=clock&value=-16m"), IsOk());
  const http::Answer off = Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}});
  EXPECT_EQ(Code(off), "InvalidTimeStamp.Expired");
  EXPECT_EQ(http::FindHeader(off.headers, "Date"), "Wed, 31 Dec 2025 23:44:00 GMT");
  ASSERT_THAT(faults_.Arm("service=sts&kind=clock&value=10m"), IsOk());
  const http::Answer answer = Assume({{"RoleArn", kRole}, {"RoleSessionName", "alice"}});
  EXPECT_EQ(ParseJson(answer.body)->at("Credentials").at("Expiration").as_string(), "2026-01-01T01:10:00Z");
  EXPECT_EQ(clock_.offset(), std::chrono::seconds(0));
}

TEST_F(StsEndpointTest, ActionsThatAreNoneAreCountedTogether) {
  for (const char* action : {"DropTables", "", "assumerole"}) {
    Send(Signed(action, {},
                {"SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, std::nullopt}));
  }
  Send({"POST", "", {{"Content-Type", "application/x-www-form-urlencoded"}}, "%", nullptr, nullptr});
  EXPECT_EQ(stats_.Read().received.size(), 1u);
  EXPECT_EQ(stats_.Read().received.at("other"), 4u);
}

}  // namespace
}  // namespace sluice::sandbox
