// SPDX-License-Identifier: Apache-2.0
// What the doctor makes of answers that no sandbox gives; against a sandbox it is tested in
// tests/integration.
#include "services/token_broker/doctor.h"

#include "common/base/iso_time.h"
#include "services/token_broker/doctor_probe.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sts.h"
#include "tests/support/key_answers.h"
#include "tests/support/queued_http_client.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using absl::StatusCode;
using sluice::testing::FakeSts;
using sluice::testing::NobodyThere;
using sluice::testing::QueuedHttpClient;
using Answers = std::vector<absl::StatusOr<http::Response>>;
using ::testing::HasSubstr;

class DoctorTest : public ::testing::Test {
 protected:
  DoctorTest() {
    settings_.sts_endpoints = {"https://sts.one", "https://sts.two"};
    Grant grant;
    grant.name = "photos";
    grant.role_arn = "acs:ram::1:role/r";
    grant.bucket = "b";
    grant.region = "cn-hangzhou";
    grant.endpoint = "https://oss-cn-hangzhou.aliyuncs.com";
    grant.prefix = PrefixTemplate::Parse("uploads/{subject}/").value();
    grant.operations = {token::v1::OPERATION_UPLOAD};
    settings_.grants = {grant};
  }

  http::Response Identity(std::chrono::seconds skew = {}) {
    return {200,
            {{"Date", HttpDate(clock_.Now() + skew)}},
            R"({"Arn":"acs:ram::1:user/broker","RequestId":"R"})"};
  }
  http::Response Error(int status, const std::string& code) {
    return {status, {{"Date", HttpDate(clock_.Now())}}, R"({"Code":")" + code + R"(","Message":"hunter2"})"};
  }
  // The line of a check; all of them when there is none.
  std::string Line(const std::string& check, size_t nth = 0) {
    size_t at = 0;
    for (const Finding& one : findings_) {
      if (one.check == check && at++ == nth) return ReportText({one});
    }
    return "no such line in\n" + ReportText(findings_);
  }
  void Examine(const Answers& answers, bool with_key = true) {
    QueuedHttpClient client(answers);
    aliyun::FixedCredentials own({"id", SecretString("hunter2"), {}, std::nullopt});
    Patient patient{settings_,
                    aliyun::OwnKeyState{"env", "environment variables", "id", {}, {}},
                    &own,
                    client,
                    clock_,
                    [this](const std::string& endpoint) {
                      endpoint_ = endpoint;
                      auto sts = std::make_unique<FakeSts>();
                      sts->answer = minted_;
                      return sts;
                    }};
    if (!with_key) {
      patient.key = Fail(StatusCode::kInvalidArgument, "CREDENTIALS_MISSING", "env: lacks; oidc: lacks");
      patient.own = nullptr;
    }
    findings_ = broker::Examine(patient);
    EXPECT_EQ((ReportText(findings_) + ReportJson(findings_)).find("hunter2"), std::string::npos);
  }

  sluice::testing::FakeClock clock_;
  Settings settings_;
  absl::StatusOr<aliyun::Credentials> minted_ =
      Fail(StatusCode::kFailedPrecondition, "STS_REFUSED", "the trust policy must name it");
  std::string endpoint_;
  std::vector<Finding> findings_;
};

TEST_F(DoctorTest, SaysHowFarTheClockIsOffAndWhichWay) {
  using std::chrono::seconds;
  const std::tuple<seconds, const char*, const char*> cases[] = {{seconds(0), "ok ", "agrees"},
                                                                 {seconds(-1), "ok ", "agrees"},
                                                                 {seconds(30), "ok ", "30 s behind"},
                                                                 {seconds(-61), "warning ", "61 s ahead"},
                                                                 {seconds(900), "warning ", "900 s behind"},
                                                                 {seconds(901), "failed ", "901 s behind"},
                                                                 {seconds(-86400 * 365), "failed ", "ahead"}};
  for (const auto& [skew, verdict, says] : cases) {
    Examine({Identity(skew)});
    EXPECT_TRUE(Line("clock").starts_with(verdict)) << Line("clock");
    EXPECT_THAT(Line("clock"), HasSubstr(says));
  }
}

TEST_F(DoctorTest, TellsTheTimeEvenFromARefusal) {
  http::Response late = Error(400, "InvalidTimeStamp.Expired");
  late.headers = {{"Date", HttpDate(clock_.Now() + std::chrono::hours(1))}};
  Examine({late});

  EXPECT_THAT(Line("sts"), HasSubstr("failed"));
  EXPECT_THAT(Line("clock"), HasSubstr("3600 s behind"));
  EXPECT_THAT(Line("trust"), HasSubstr("skipped"));
}

TEST_F(DoctorTest, OneEndpointThatAnswersIsEnoughAndItIsUsed) {
  for (const absl::StatusOr<http::Response>& first :
       {absl::StatusOr<http::Response>(NobodyThere()),
        absl::StatusOr<http::Response>(Fail(StatusCode::kDeadlineExceeded, "HTTP_TIMEOUT", "no answer")),
        absl::StatusOr<http::Response>(http::Response{502, {}, "<html>hunter2"}),
        absl::StatusOr<http::Response>(http::Response{200, {{"Date", "garbage"}}, "hunter2"}),
        absl::StatusOr<http::Response>(http::Response{200, {}, R"({"Arn":7})"}),
        absl::StatusOr<http::Response>(http::Response{302, {{"Location", "http://evil"}}, ""})}) {
    Examine({first, Identity()});
    EXPECT_THAT(Line("sts", 0), HasSubstr("warning"));
    EXPECT_THAT(Line("sts", 1), HasSubstr("acs:ram::1:user/broker"));
    EXPECT_EQ(endpoint_, "https://sts.two");
  }
}

TEST_F(DoctorTest, NoEndpointIsBadAndNothingIsAssumed) {
  for (const absl::StatusOr<http::Response>& each :
       {absl::StatusOr<http::Response>(NobodyThere()),
        absl::StatusOr<http::Response>(http::Response{200, {}, "x"}),
        absl::StatusOr<http::Response>(Error(500, "InternalError")),
        absl::StatusOr<http::Response>(Error(400, "Throttling.User")),
        absl::StatusOr<http::Response>(Error(404, "InvalidAccessKeyId.NotFound")),
        absl::StatusOr<http::Response>(Error(400, "SignatureDoesNotMatch"))}) {
    Examine({each});
    EXPECT_THAT(Line("sts", 0), HasSubstr("failed"));
    EXPECT_THAT(Line("sts", 1), HasSubstr("failed"));
    EXPECT_THAT(Line("trust"), HasSubstr("skipped"));
    EXPECT_FALSE(IsHealthy(findings_));
  }
}

TEST_F(DoctorTest, WithoutAKeyStsIsAskedAllTheSame) {
  Examine({Error(404, "InvalidAccessKeyId.NotFound")}, false);

  EXPECT_THAT(Line("key"), HasSubstr("failed  key        CREDENTIALS_MISSING: env: lacks; oidc: lacks"));
  EXPECT_THAT(Line("sts"), HasSubstr("ok"));
  EXPECT_THAT(Line("clock"), HasSubstr("agrees"));
  EXPECT_THAT(Line("trust"), HasSubstr("skipped"));
}

TEST_F(DoctorTest, AnArnFromOutsideIsNotRepeatedAsItIs) {
  http::Response odd = Identity();
  odd.body = "{\"Arn\":\"acs:ram::1:user/a\\u001b[31m\\nok key\"}";
  Examine({odd});
  EXPECT_THAT(Line("sts"), HasSubstr("acs:ram::1:user/a__31m_ok_key"));
}

TEST_F(DoctorTest, ARoleThatCannotBeAssumedEndsThere) {
  Examine({Identity()});
  EXPECT_THAT(Line("trust"),
              HasSubstr("failed  trust      acs:ram::1:role/r: STS_REFUSED: the trust policy"));
  EXPECT_THAT(Line("ceiling"), HasSubstr("no such line"));
}

TEST_F(DoctorTest, WhereOssCannotBeJudgedItIsAskedOnceAndNothingIsWritten) {
  minted_ = aliyun::Credentials{"STS.x", SecretString("hunter2"), SecretString("hunter2"),
                                clock_.Now() + std::chrono::hours(1)};
  const std::string other =
      "<Error><Code>AccessDenied</Code><Endpoint>oss-cn-beijing.aliyuncs.com</Endpoint></Error>";
  const std::pair<absl::StatusOr<http::Response>, const char*> cases[] = {
      {NobodyThere(), "connection refused"},
      {http::Response{403, {}, other}, "the bucket is at oss-cn-beijing.aliyuncs.com"},
      {http::Response{404, {}, "<Error><Code>NoSuchBucket</Code></Error>"}, "knows no such bucket"},
      {http::Response{400, {{"x-oss-ec", "0002-00000226"}}, "<Error><Code>InvalidArgument</Code></Error>"},
       "another region"},
      {http::Response{503, {}, "<Error><Code>SlowDown</Code></Error>"}, "OSS_THROTTLED"},
      {http::Response{200 + 3, {}, ""}, "OSS_ANSWER_INVALID"},
      {http::Response{403, {}, "<html>proxy hunter2"}, "OSS_ANSWER_INVALID"}};
  for (const auto& [answer, says] : cases) {
    Examine({Identity(), Identity(), answer});
    EXPECT_THAT(Line("ceiling"), HasSubstr("failed"));
    EXPECT_THAT(Line("ceiling"), HasSubstr(says));
    EXPECT_THAT(Line("canary"), HasSubstr("no such line"));
    EXPECT_THAT(Line("reach"), HasSubstr("no such line"));
  }
}

TEST_F(DoctorTest, WhatCannotBeDeletedAgainIsNamed) {
  minted_ = aliyun::Credentials{"STS.x", SecretString("hunter2"), SecretString("hunter2"),
                                clock_.Now() + std::chrono::hours(1)};
  const http::Response denied{403, {}, "<Error><Code>AccessDenied</Code></Error>"};
  const http::Response asked{400, {}, "<Error><Code>InvalidDigest</Code></Error>"};
  const http::Response put{200, {}, ""};
  const http::Response gone{204, {}, ""};
  // PutNothing, Delete, Put, PutSymlink, Delete of the link, Delete of the canary.
  Examine({Identity(), Identity(), asked, gone, put, denied, gone, NobodyThere()});

  EXPECT_THAT(Line("canary"), HasSubstr("failed"));
  EXPECT_THAT(Line("canary"), HasSubstr("delete b/uploads/.sluice-doctor/"));
  EXPECT_THAT(Line("symlink"),
              HasSubstr("ok      symlink    acs:ram::1:role/r on b: symbolic links are denied"));
}

TEST_F(DoctorTest, LinksThatCanBePlacedAreAWarning) {
  minted_ = aliyun::Credentials{"STS.x", SecretString("hunter2"), SecretString("hunter2"),
                                clock_.Now() + std::chrono::hours(1)};
  const http::Response asked{400, {}, "<Error><Code>InvalidDigest</Code></Error>"};
  const http::Response put{200, {}, ""};
  const http::Response gone{204, {}, ""};
  const http::Response denied{403, {}, "<Error><Code>AccessDenied</Code></Error>"};
  Examine({Identity(), Identity(), asked, gone, put, put, gone, gone, denied});

  EXPECT_THAT(Line("symlink"), HasSubstr("warning symlink"));
  EXPECT_THAT(Line("canary"),
              HasSubstr("ok      canary     photos: put and deleted b/uploads/.sluice-doctor/"));
  EXPECT_THAT(Line("reach"), HasSubstr("ok "));
  EXPECT_TRUE(IsHealthy(findings_));
  // A link that stays is worse than one that can be placed.
  Examine({Identity(), Identity(), asked, gone, put, put, NobodyThere(), gone, denied});
  EXPECT_THAT(ReportText(findings_), HasSubstr("mend: delete b/uploads/.sluice-doctor/"));
  EXPECT_FALSE(IsHealthy(findings_));
}

TEST(ReadRightTest, OnlyTheJudgementOfRightsDecides) {
  const auto right = [](int status, const std::string& code) {
    return ReadRight(http::Response{status, {}, "<Error><Code>" + code + "</Code></Error>"}).right;
  };
  EXPECT_EQ(ReadRight(http::Response{200, {}, ""}).right, Right::kGiven);
  EXPECT_EQ(ReadRight(http::Response{204, {}, ""}).right, Right::kGiven);
  EXPECT_EQ(right(400, "InvalidDigest"), Right::kGiven);
  EXPECT_EQ(right(404, "NoSuchUpload"), Right::kGiven);
  EXPECT_EQ(right(404, "NoSuchKey"), Right::kGiven);
  EXPECT_EQ(right(403, "AccessDenied"), Right::kDenied);
  for (const auto& [status, code] :
       {std::pair(404, "NoSuchBucket"), std::pair(403, "SignatureDoesNotMatch"),
        std::pair(403, "SecurityTokenExpired"), std::pair(503, "SlowDown"), std::pair(400, "NotImplemented"),
        std::pair(203, "CallbackFailed"), std::pair(302, ""), std::pair(403, "UserDisable")})
    EXPECT_EQ(right(status, code), Right::kUnclear) << code;
}

}  // namespace
}  // namespace sluice::broker
