// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/issuer.h"

#include "tests/support/fake_audit.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sts.h"
#include "tests/support/fake_timers.h"
#include "tests/support/photos_grant.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

class IssuerTest : public ::testing::Test {
 protected:
  absl::StatusOr<IssuedToken> Issue(const token::v1::IssueTokenRequest& request = {}) {
    absl::StatusOr<IssuedToken> out = absl::UnknownError("never answered");
    timers_.Advance(std::chrono::seconds(1));  // what failed before is forgotten
    issuer_.Issue({grants_, denied_, alice_, origin_}, request, {},
                  [&](absl::StatusOr<IssuedToken> issued) { out = std::move(issued); });
    return out;
  }
  void Mint(std::chrono::seconds life) {
    sts_.answer = aliyun::Credentials{"STS.K", SecretString("s"), SecretString("t"), clock_.Now() + life};
  }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeSts sts_;
  sluice::testing::FakeAudit audit_;
  sluice::testing::FakeTimers timers_;
  BrokerMetrics metrics_;
  const std::shared_ptr<const DenyList> denied_ = std::make_shared<DenyList>();
  const std::shared_ptr<const identity::Caller> alice_ =
      std::make_shared<identity::Caller>(identity::Caller{"app", "alice", {}});
  const Origin origin_{"192.0.2.1", true};
  const Grants grants_{{sluice::testing::PhotosGrant()}};
  Load load_{{0, 0, 0, 2}, timers_};
  TokenCache tokens_{sts_, clock_, timers_, metrics_, load_, std::chrono::seconds(5), 16 << 20};
  Issuer issuer_{tokens_, load_, audit_, metrics_, clock_, 1 << 20};
};

TEST_F(IssuerTest, MintsWhatWasPlannedAndRecordsIt) {
  Mint(std::chrono::hours(1));

  const auto issued = Issue();

  ASSERT_THAT(issued, IsOk());
  ASSERT_EQ(sts_.asked.size(), 1u);
  EXPECT_EQ(sts_.asked[0].role_arn, "acs:ram::1:role/r");
  EXPECT_EQ(sts_.asked[0].session_name, "alice@" + issued->token->grant_id);
  EXPECT_EQ(sts_.asked[0].policy_json, issued->planned->plan.policy_json);
  EXPECT_EQ(sts_.asked[0].life, std::chrono::hours(1));
  ASSERT_EQ(audit_.records.size(), 1u);
  EXPECT_TRUE(audit_.records[0].allowed);
  EXPECT_EQ(audit_.records[0].grant_id, issued->token->grant_id);
  EXPECT_EQ(audit_.records[0].access_key_id, "STS.K");
}

TEST_F(IssuerTest, RefreshIsWhenTheCacheGivesAnotherToken) {
  token::v1::IssueTokenRequest request;
  Mint(std::chrono::hours(1));
  EXPECT_EQ(Issue()->refresh_after, clock_.Now() + std::chrono::minutes(44));
  Mint(std::chrono::minutes(15));
  request.mutable_ttl()->set_seconds(900);
  EXPECT_EQ(Issue(request)->refresh_after, clock_.Now() + std::chrono::minutes(5));
  clock_.Advance(std::chrono::minutes(6));
  sts_.answer = Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "down");
  EXPECT_EQ(Issue(request)->refresh_after, clock_.Now());
}

TEST_F(IssuerTest, AllAnswersOfOneTokenShareItsGrantAndEachLeavesALine) {
  Mint(std::chrono::hours(1));
  const auto first = Issue();
  const auto second = Issue();

  EXPECT_EQ(sts_.asked.size(), 1u);
  EXPECT_EQ(first->token, second->token);
  ASSERT_EQ(audit_.records.size(), 2u);
  EXPECT_EQ(audit_.records[1].grant_id, first->token->grant_id);
  EXPECT_EQ(audit_.records[1].subject, "alice");
  EXPECT_EQ(audit_.records[1].policy_sha256, audit_.records[0].policy_sha256);
}

TEST_F(IssuerTest, ALifeBetweenMinutesIsTheShorterMinute) {
  token::v1::IssueTokenRequest request;
  request.mutable_ttl()->set_seconds(959);
  Mint(std::chrono::minutes(15));
  ASSERT_THAT(Issue(request), IsOk());
  EXPECT_EQ(sts_.asked[0].life, std::chrono::seconds(900));
  request.mutable_ttl()->set_seconds(901);
  ASSERT_THAT(Issue(request), IsOk());
  EXPECT_EQ(sts_.asked.size(), 1u);
}

TEST_F(IssuerTest, AGrantThatIsAskedForTooOftenIsRefusedBeforeItCosts) {
  Mint(std::chrono::hours(1));
  int refused = 0;
  for (int i = 0; i < 10; ++i) {
    issuer_.Issue({grants_, denied_, alice_, origin_}, {}, {}, [&](absl::StatusOr<IssuedToken> issued) {
      refused += Reason(issued.status()) == "GRANT_RATE_EXCEEDED";
    });
  }
  EXPECT_EQ(refused, 6);  // two a second, two seconds at once
  EXPECT_EQ(audit_.records.back().reason, "GRANT_RATE_EXCEEDED");
}

TEST_F(IssuerTest, ARefusedRequestNeverReachesSts) {
  token::v1::IssueTokenRequest wide;
  wide.add_operations(token::v1::OPERATION_DELETE);

  EXPECT_THAT(Issue(wide), FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));

  EXPECT_TRUE(sts_.asked.empty());
  ASSERT_EQ(audit_.records.size(), 1u);
  EXPECT_FALSE(audit_.records[0].allowed);
  EXPECT_EQ(audit_.records[0].reason, "SCOPE_NOT_GRANTED");
}

TEST_F(IssuerTest, WhatCannotBeRecordedIsNotGivenOut) {
  Mint(std::chrono::hours(1));
  audit_.answer = Fail(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE", "full");

  EXPECT_THAT(Issue(), FailsWith(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE"));
}

TEST_F(IssuerTest, TroubleOfStsIsPassedOnAndRecorded) {
  sts_.answer = Fail(absl::StatusCode::kResourceExhausted, "STS_THROTTLED", "wait");

  EXPECT_THAT(Issue(), FailsWith(absl::StatusCode::kResourceExhausted, "STS_THROTTLED"));
  EXPECT_EQ(audit_.records[0].reason, "STS_THROTTLED");
}

}  // namespace
}  // namespace sluice::broker
