// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/aliyun_sts.h"

#include <future>

#include "common/base/status.h"
#include "common/http/curl_client.h"
#include "tests/support/fake_clock.h"
#include "tests/support/keep_alive_server.h"
#include "tests/support/scripted_http_client.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

class AliyunStsTest : public ::testing::Test {
 protected:
  absl::StatusOr<aliyun::Credentials> Assume(absl::StatusOr<http::Response> answer) {
    client_.answer = std::move(answer);
    absl::StatusOr<aliyun::Credentials> out = absl::UnknownError("never answered");
    sts_.AssumeRole({"acs:ram::1:role/r", "alice@g1", "{}", std::chrono::seconds(900)},
                    Deadline::After(std::chrono::seconds(1)), CancelToken(),
                    [&](absl::StatusOr<aliyun::Credentials> result) { out = std::move(result); });
    return out;
  }
  static std::string Body(const std::string& expiration, const std::string& secret = "s") {
    return R"({"RequestId":"r","Credentials":{"AccessKeyId":"STS.K","AccessKeySecret":")" + secret +
           R"(","SecurityToken":"t","Expiration":")" + expiration + "\"}}";
  }
  sluice::testing::FakeClock clock_;
  sluice::testing::ScriptedHttpClient client_;
  aliyun::FixedCredentials own_{{"own", SecretString("own-secret"), {}, std::nullopt}};
  AliyunSts sts_{client_, "https://sts.example.com", own_, clock_};
};

TEST_F(AliyunStsTest, SendsRolePolicyAndLifeSignedAndReadsTheKey) {
  const auto minted = Assume(http::Response{200, {}, Body("2026-01-01T00:15:00Z")});

  ASSERT_THAT(minted, IsOk());
  EXPECT_EQ(minted->access_key_id, "STS.K");
  EXPECT_EQ(*minted->expiration, clock_.Now() + std::chrono::minutes(15));
  const http::Request& asked = client_.asked.at(0);
  EXPECT_EQ(asked.url, "https://sts.example.com/");
  EXPECT_TRUE(
      http::FindHeader(asked.headers, "Authorization").starts_with("ACS3-HMAC-SHA256 Credential=own,"));
  EXPECT_NE(asked.body.find("DurationSeconds=900"), std::string::npos);
  EXPECT_NE(asked.body.find("RoleSessionName=alice%40g1"), std::string::npos);
  EXPECT_EQ(asked.body.find("own-secret"), std::string::npos);
}

TEST_F(AliyunStsTest, EveryCallHasANonceOfItsOwn) {
  (void)Assume(http::Response{500, {}, ""});
  (void)Assume(http::Response{500, {}, ""});

  EXPECT_NE(http::FindHeader(client_.asked[0].headers, "x-acs-signature-nonce"),
            http::FindHeader(client_.asked[1].headers, "x-acs-signature-nonce"));
}

TEST_F(AliyunStsTest, AnAnswerThatIsNoKeyIsNotOne) {
  for (const std::string& body : {std::string(), std::string("<html>"), std::string("[]"), std::string("{}"),
                                  std::string(R"({"Credentials":[]})"), Body("2026-01-01T00:15:00Z", ""),
                                  Body("soon"), Body("2025-12-31T23:59:59Z"), Body("2026-01-01T00:31:00Z")}) {
    EXPECT_THAT(Assume(http::Response{200, {}, body}),
                FailsWith(absl::StatusCode::kUnavailable, "STS_ANSWER_INVALID"))
        << body;
  }
}

TEST_F(AliyunStsTest, NoAnswerIsUnreachable) {
  EXPECT_THAT(Assume(Fail(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE", "x")),
              FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_THAT(Assume(Fail(absl::StatusCode::kDeadlineExceeded, "HTTP_TIMEOUT", "x")),
              FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_THAT(Assume(Fail(absl::StatusCode::kCancelled, "HTTP_CANCELLED", "x")),
              FailsWith(absl::StatusCode::kCancelled, "CALL_CANCELLED"));
}

// Counts how often it is asked for another key.
class CountingSource final : public aliyun::CredentialSource {
 public:
  std::shared_ptr<const aliyun::Credentials> key;
  int renewals = 0;
  std::shared_ptr<const aliyun::Credentials> Current() const override { return key; }
  void Renew() override { ++renewals; }
};

class AliyunStsOwnKeyTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const aliyun::Credentials> Key(const char* token) {
    return std::make_shared<const aliyun::Credentials>(
        aliyun::Credentials{"own", SecretString("s"), SecretString(token), std::nullopt});
  }
  absl::Status Assume(const std::string& code) {
    client_.answer = http::Response{400, {}, R"({"RequestId":"R","Code":")" + code + "\"}"};
    absl::Status out;
    sts_.AssumeRole({}, Deadline::After(std::chrono::seconds(1)), {},
                    [&](absl::StatusOr<aliyun::Credentials> result) { out = result.status(); });
    return out;
  }
  sluice::testing::FakeClock clock_;
  sluice::testing::ScriptedHttpClient client_;
  CountingSource own_;
  AliyunSts sts_{client_, "https://sts.example.com", own_, clock_};
};

TEST_F(AliyunStsOwnKeyTest, ASessionThatHasEndedIsRenewedAndThatIsAllThatIsWrong) {
  own_.key = Key("token");
  const absl::Status ended = Assume("InvalidSecurityToken.Expired");
  EXPECT_THAT(ended, FailsWith(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING"));
  EXPECT_EQ(RetryDelay(ended), std::chrono::seconds(1));
  EXPECT_EQ(Metadata(ended).at("sts_code"), "InvalidSecurityToken.Expired");
  EXPECT_EQ(own_.renewals, 1);
  EXPECT_THAT(Assume("InvalidAccessKeyId.NotFound"),
              FailsWith(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING"));
  EXPECT_EQ(own_.renewals, 2);
}

TEST_F(AliyunStsOwnKeyTest, AFixedKeyIsReadAnewButItsRefusalIsForTheOperator) {
  own_.key = Key("");
  EXPECT_THAT(Assume("InvalidAccessKeyId.Inactive"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "STS_REFUSED"));
  EXPECT_EQ(own_.renewals, 1);
}

TEST_F(AliyunStsOwnKeyTest, OtherRefusalsRenewNothing) {
  own_.key = Key("token");
  EXPECT_THAT(Assume("NoPermission"), FailsWith(absl::StatusCode::kFailedPrecondition, "STS_REFUSED"));
  EXPECT_THAT(Assume("Throttling.User"), FailsWith(absl::StatusCode::kResourceExhausted, "STS_THROTTLED"));
  EXPECT_EQ(own_.renewals, 0);
}

TEST_F(AliyunStsOwnKeyTest, WithoutAKeyNothingIsSent) {
  EXPECT_THAT(Assume("Throttling"), FailsWith(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING"));
  EXPECT_TRUE(client_.asked.empty());
}

TEST_F(AliyunStsOwnKeyTest, ALateRefusalOfAnOldKeyRenewsNothing) {
  // Holds the answer back until the key has changed.
  class LateClient final : public http::Client {
   public:
    Done held;
    void Send(http::Request, Deadline, CancelToken, Done done) override { held = std::move(done); }
  } client;
  AliyunSts sts(client, "https://sts.example.com", own_, clock_);
  own_.key = Key("token");
  absl::Status out;
  sts.AssumeRole({}, Deadline::After(std::chrono::seconds(1)), {},
                 [&](absl::StatusOr<aliyun::Credentials> result) { out = result.status(); });
  own_.key = Key("another");
  client.held(http::Response{400, {}, R"({"Code":"InvalidSecurityToken.Expired"})"});
  EXPECT_THAT(out, FailsWith(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING"));
  EXPECT_EQ(own_.renewals, 0);
}

TEST(AliyunStsConnectionTest, CallsInARowUseOneConnection) {
  sluice::testing::FakeClock clock;
  sluice::testing::KeepAliveServer server(
      R"({"Credentials":{"AccessKeyId":"STS.K","AccessKeySecret":"s","SecurityToken":"t",)"
      R"("Expiration":"2026-01-01T00:15:00Z"}})");
  aliyun::FixedCredentials own{{"own", SecretString("own-secret"), {}, std::nullopt}};
  const auto client = http::MakeCurlClient({});
  AliyunSts sts(*client, server.address(), own, clock);
  for (int i = 0; i < 20; ++i) {
    std::promise<absl::StatusOr<aliyun::Credentials>> answer;
    sts.AssumeRole({"acs:ram::1:role/r", "alice@g1", "{}", std::chrono::seconds(900)},
                   Deadline::After(std::chrono::seconds(20)), {},
                   [&](auto result) { answer.set_value(std::move(result)); });
    ASSERT_THAT(answer.get_future().get(), IsOk());
  }
  EXPECT_EQ(server.requests(), 20);
  EXPECT_EQ(server.connections(), 1);
}

}  // namespace
}  // namespace sluice::broker
