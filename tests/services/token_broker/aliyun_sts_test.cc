// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/aliyun_sts.h"

#include "tests/support/fake_clock.h"
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

}  // namespace
}  // namespace sluice::broker
