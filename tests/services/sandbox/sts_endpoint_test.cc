// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_endpoint.h"

#include "common/aliyun/api_signer.h"
#include "common/base/json.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"

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
  StsEndpoint endpoint_{*world_, clock_};
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

TEST_F(StsEndpointTest, GarbageIsAnError) {
  for (const char* body : {"", "%", "Action=AssumeRole", "a=b&a=b", "=&=&="}) {
    http::Request request{"POST", "", {{"Content-Type", "application/x-www-form-urlencoded"}}, body};
    EXPECT_GE(Send(request).status, 400) << body;
  }
}

}  // namespace
}  // namespace sluice::sandbox
