// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/broker_metrics.h"

#include "common/base/status.h"
#include "gtest/gtest.h"
#include "services/token_broker/measured_sts.h"
#include "tests/support/fake_sts.h"
#include "tests/support/fake_timers.h"
#include "tests/support/scrape.h"

namespace sluice::broker {
namespace {

using sluice::testing::Scrape;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Method = BrokerMetrics::Method;
using TokenAnswer = BrokerMetrics::TokenAnswer;

std::string Requests(const std::string& method, const std::string& code, const std::string& reason) {
  return "sluice_requests_total{method=\"" + method + "\",code=\"" + code + "\",reason=\"" + reason + "\"}";
}

TEST(BrokerMetricsTest, CallsAreCountedByMethodCodeAndReason) {
  BrokerMetrics metrics;
  metrics.Called(Method::kIssueToken, absl::OkStatus(), microseconds(80));
  metrics.Called(Method::kIssueToken, absl::OkStatus(), milliseconds(3));
  metrics.Called(Method::kExplainAccess, Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED", "no"),
                 seconds(20));

  const Scrape scrape(metrics.Text());

  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.Value(Requests("IssueToken", "OK", "")), 2);
  EXPECT_EQ(scrape.Value(Requests("IssueToken", "PERMISSION_DENIED", "SCOPE_NOT_GRANTED")), 0);
  EXPECT_EQ(scrape.Value(Requests("ExplainAccess", "PERMISSION_DENIED", "SCOPE_NOT_GRANTED")), 1);
  EXPECT_EQ(scrape.Value("sluice_request_seconds_bucket{method=\"IssueToken\",le=\"5e-05\"}"), 0);
  EXPECT_EQ(scrape.Value("sluice_request_seconds_bucket{method=\"IssueToken\",le=\"0.0001\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_request_seconds_count{method=\"IssueToken\"}"), 2);
  EXPECT_EQ(scrape.Value("sluice_request_seconds_bucket{method=\"ExplainAccess\",le=\"10\"}"), 0);
  EXPECT_EQ(scrape.Value("sluice_request_seconds_count{method=\"ExplainAccess\"}"), 1);
}

TEST(BrokerMetricsTest, EveryReasonOfTheTableHasItsSeries) {
  BrokerMetrics metrics;
  for (const reasons::Entry& entry : reasons::kTokenBroker)
    metrics.Called(Method::kSignUrl, Fail(entry.code, entry.reason, "x"), milliseconds(1));

  const Scrape scrape(metrics.Text());
  for (const reasons::Entry& entry : reasons::kTokenBroker) {
    EXPECT_EQ(
        scrape.Value(Requests("SignUrl", absl::StatusCodeToString(entry.code), std::string(entry.reason))), 1)
        << entry.reason;
  }
}

TEST(BrokerMetricsTest, WhateverTheStatusTheSeriesStayFew) {
  BrokerMetrics metrics;
  const size_t before = Scrape(metrics.Text()).size();
  for (int i = 0; i < 100; ++i) {
    metrics.Called(Method::kSignUrl,
                   Fail(absl::StatusCode::kAborted, "MADE_UP_" + std::to_string(i), "alice's"), seconds(1));
    metrics.Called(Method::kSignUrl, absl::Status(static_cast<absl::StatusCode>(1000 + i), "x"), seconds(1));
  }
  metrics.Called(Method::kSignUrl, Fail(absl::StatusCode::kAborted, "SCOPE_NOT_GRANTED", "other code"),
                 seconds(1));

  const Scrape scrape(metrics.Text());
  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.size(), before + 1);
  EXPECT_EQ(scrape.Value(Requests("SignUrl", "ABORTED", "other")), 101);
  EXPECT_EQ(scrape.Value(Requests("SignUrl", "INTERNAL", "INTERNAL_ERROR")), 100);
}

TEST(BrokerMetricsTest, StatusWithoutAReasonCountsAsItsCallerSeesIt) {
  BrokerMetrics metrics;
  metrics.Called(Method::kListGrants, absl::CancelledError(), milliseconds(1));
  metrics.Called(Method::kListGrants, absl::NotFoundError("x"), milliseconds(1));

  const Scrape scrape(metrics.Text());
  EXPECT_EQ(scrape.Value(Requests("ListGrants", "CANCELLED", "CALL_CANCELLED")), 1);
  EXPECT_EQ(scrape.Value(Requests("ListGrants", "INTERNAL", "INTERNAL_ERROR")), 1);
}

TEST(BrokerMetricsTest, TokensReloadsAndJwtsHaveTheirSeries) {
  BrokerMetrics metrics;
  for (const auto answer : {TokenAnswer::kHit, TokenAnswer::kHit, TokenAnswer::kMiss, TokenAnswer::kCoalesced,
                            TokenAnswer::kStale, TokenAnswer::kNegative})
    metrics.TokenAsked(answer);
  metrics.Refreshed(true);
  metrics.Refreshed(false);
  metrics.TokenHandedOut(seconds(950));
  metrics.TokenHandedOut(seconds(-3));
  metrics.Reloaded("tls", true);
  metrics.Reloaded("tls", false);
  metrics.Reloaded("moon", false);
  metrics.JwtVerified(true);

  const Scrape scrape(metrics.Text());
  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.Value("sluice_token_cache_total{answer=\"hit\"}"), 2);
  for (const char* answer : {"miss", "coalesced", "stale", "negative"})
    EXPECT_EQ(scrape.Value("sluice_token_cache_total{answer=\"" + std::string(answer) + "\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_token_refreshes_total{result=\"ok\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_token_refreshes_total{result=\"failed\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_token_life_seconds_bucket{le=\"900\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_token_life_seconds_bucket{le=\"960\"}"), 2);
  EXPECT_EQ(scrape.Value("sluice_reloads_total{what=\"tls\",result=\"ok\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_reloads_total{what=\"tls\",result=\"failed\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_reloads_total{what=\"other\",result=\"failed\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_jwts_verified_total{cached=\"true\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_jwts_verified_total{cached=\"false\"}"), 0);
}

TEST(BrokerMetricsTest, GaugesOfOthersAreInTheSameText) {
  BrokerMetrics metrics;
  const telemetry::Gauge ready = metrics.registry().AddGauge("sluice_ready", "Ready.", {}, [] { return 1; });

  EXPECT_EQ(Scrape(metrics.Text()).Value("sluice_ready"), 1);
}

// Answers when told to.
class WaitingSts final : public Sts {
 public:
  Done done;
  void AssumeRole(AssumeRoleRequest, Deadline, CancelToken, Done then) override { done = std::move(then); }
};

TEST(MeasuredStsTest, ResultAndTimeAreCountedAndTheAnswerPassesUnchanged) {
  BrokerMetrics metrics;
  sluice::testing::FakeTimers timers;
  WaitingSts inner;
  MeasuredSts sts(inner, metrics, timers);
  absl::StatusOr<aliyun::Credentials> got = absl::UnknownError("none");
  sts.AssumeRole({}, Deadline::After(seconds(5)), {}, [&](auto answer) { got = std::move(answer); });
  timers.Advance(milliseconds(300));

  inner.done(aliyun::Credentials{"id", SecretString("s"), SecretString("t"), Time()});

  ASSERT_TRUE(got.ok());
  EXPECT_EQ(got->access_key_id, "id");
  const Scrape scrape(metrics.Text());
  EXPECT_EQ(scrape.Value("sluice_sts_calls_total{result=\"OK\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_sts_seconds_bucket{le=\"0.25\"}"), 0);
  EXPECT_EQ(scrape.Value("sluice_sts_seconds_bucket{le=\"0.5\"}"), 1);
}

TEST(MeasuredStsTest, FailuresAreCountedByReason) {
  BrokerMetrics metrics;
  sluice::testing::FakeTimers timers;
  sluice::testing::FakeSts inner;
  MeasuredSts sts(inner, metrics, timers);
  int answered = 0;
  for (const char* reason : {"STS_THROTTLED", "STS_THROTTLED", "NOT_OF_STS"}) {
    inner.answer = Fail(absl::StatusCode::kUnavailable, reason, "x");
    sts.AssumeRole({}, Deadline::After(seconds(5)), {}, [&](const auto& answer) {
      EXPECT_EQ(Reason(answer.status()), reason);
      ++answered;
    });
  }

  EXPECT_EQ(answered, 3);
  const Scrape scrape(metrics.Text());
  EXPECT_EQ(scrape.Value("sluice_sts_calls_total{result=\"STS_THROTTLED\"}"), 2);
  EXPECT_EQ(scrape.Value("sluice_sts_calls_total{result=\"other\"}"), 1);
}

}  // namespace
}  // namespace sluice::broker
