// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/signing_sessions.h"

#include "common/base/status.h"
#include "tests/support/fake_audit.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_timers.h"
#include "tests/support/held_sts.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

Grant Photos() {
  Grant grant{.prefix = PrefixTemplate::Parse("uploads/{subject}/").value()};
  grant.name = "photos";
  grant.role_arn = "acs:ram::1:role/r";
  grant.bucket = "my-bucket";
  grant.region = "cn-hangzhou";
  grant.operations = {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_LIST};
  return grant;
}

class SigningSessionsTest : public ::testing::Test {
 protected:
  void Ask(std::chrono::seconds life = std::chrono::minutes(15)) {
    sessions_.Get(grants_.all()[0], life, {}, [this](auto session) { got_.push_back(std::move(session)); });
  }
  aliyun::Credentials Session(const char* id, std::chrono::seconds life = std::chrono::hours(1)) const {
    return {id, SecretString("s"), SecretString("t"), clock_.Now() + life};
  }
  sluice::testing::FakeClock clock_;
  sluice::testing::FakeAudit audit_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::HeldSts sts_;
  BrokerMetrics metrics_;
  Load load_{{}, timers_};
  TokenCache tokens_{sts_, clock_, timers_, metrics_, load_, std::chrono::seconds(5), 16 << 20};
  const Grants grants_{{Photos()}};
  SigningSessions sessions_{grants_, tokens_, audit_, clock_};
  std::vector<absl::StatusOr<SigningSessions::Session>> got_;
};

TEST_F(SigningSessionsTest, ThousandCallersCauseOneAssumeRole) {
  for (int i = 0; i < 1000; ++i) Ask();
  ASSERT_EQ(sts_.asked().size(), 1u);
  EXPECT_TRUE(got_.empty());
  sts_.Answer(Session("STS.A"));
  EXPECT_EQ(got_.size(), 1000u);
  for (const auto& session : got_) EXPECT_EQ((*session)->credentials.access_key_id, "STS.A");
  EXPECT_EQ(audit_.records.size(), 1u);
  Ask();
  EXPECT_EQ(sts_.asked().size(), 1u);
}

TEST_F(SigningSessionsTest, ReachesTheLiteralStartAndNeverLists) {
  Ask();
  EXPECT_EQ(
      sts_.asked()[0].request.policy_json,
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:my-bucket/uploads/*"}]})");
  EXPECT_EQ(sts_.asked()[0].request.life, std::chrono::hours(1));
  EXPECT_EQ(sts_.asked()[0].request.urgency, Urgency::kShared);
}

TEST_F(SigningSessionsTest, IsRenewedBehindTheCallersBackBeforeItIsTooOld) {
  Ask();
  sts_.Answer(Session("STS.A"));
  clock_.Advance(std::chrono::minutes(38));
  Ask();
  EXPECT_EQ(got_.size(), 2u);
  EXPECT_EQ((*got_[1])->credentials.access_key_id, "STS.A");
  ASSERT_EQ(sts_.asked().size(), 2u);
  Ask();
  EXPECT_EQ(sts_.asked().size(), 2u);
  sts_.Answer(Session("STS.B"));
  Ask();
  EXPECT_EQ((*got_.back())->credentials.access_key_id, "STS.B");
}

TEST_F(SigningSessionsTest, AFailureIsToldUnlessAnOldSessionStillServes) {
  Ask();
  sts_.Answer(Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "down"));
  EXPECT_THAT(got_[0], FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  timers_.Advance(std::chrono::seconds(1));
  Ask();
  sts_.Answer(Session("STS.A"));
  clock_.Advance(std::chrono::minutes(50));
  Ask(std::chrono::minutes(30));
  sts_.Answer(Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "down"));
  ASSERT_THAT(got_[2], IsOk());
  EXPECT_EQ((*got_[2])->credentials.access_key_id, "STS.A");
  clock_.Advance(std::chrono::seconds(9 * 60 + 1));
  timers_.Advance(std::chrono::seconds(1));
  Ask();
  sts_.Answer(Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "down"));
  EXPECT_THAT(got_[3], FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
}

TEST_F(SigningSessionsTest, TwoGrantsThatReachTheSameHaveASessionAndALineEach) {
  Grant twin = Photos();
  twin.name = "images";
  const Grants both{{Photos(), twin}};
  SigningSessions sessions(both, tokens_, audit_, clock_);
  for (const Grant& grant : both.all()) {
    sessions.Get(grant, std::chrono::minutes(15), {}, [](const auto&) {});
    sts_.Answer(Session(grant.name.c_str()));
  }
  ASSERT_EQ(audit_.records.size(), 2u);
  EXPECT_EQ(audit_.records[0].grant, "photos");
  EXPECT_EQ(audit_.records[1].grant, "images");
}

TEST_F(SigningSessionsTest, WhatCannotBeRecordedSignsNothing) {
  audit_.answer = Fail(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE", "full");
  Ask();
  sts_.Answer(Session("STS.A"));
  EXPECT_THAT(got_[0], FailsWith(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE"));
}

}  // namespace
}  // namespace sluice::broker
