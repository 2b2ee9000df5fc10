// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/faults.h"

#include "common/base/json.h"
#include "common/http/target.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Outcome = FaultDecision::Outcome;

absl::StatusOr<FaultOrder> Parse(const std::string& query) {
  return ParseFaultOrder(http::ParseForm(query).value());
}

class ArmedFaultTest : public ::testing::Test {
 protected:
  ArmedFault Armed(const std::string& query) { return ArmedFault(Parse(query).value(), now_); }
  FaultDecision Apply(ArmedFault& fault, const std::string& api = "AssumeRole") {
    FaultDecision decision;
    fault.Apply(api, "", now_, decision);
    return decision;
  }
  Timers::SteadyTime now_ = Timers::SteadyTime(std::chrono::hours(1));
};

TEST(ParseFaultOrderTest, ReadsEveryKind) {
  const auto latency = Parse("service=sts&kind=latency&value=20ms&count=3&for=1m30s");
  ASSERT_THAT(latency, IsOk());
  EXPECT_EQ(latency->latency, milliseconds(20));
  EXPECT_EQ(latency->count, 3u);
  EXPECT_EQ(latency->lasts, seconds(90));
  EXPECT_EQ(Parse("service=uri&kind=latency&value=2s")->latency, seconds(2));
  EXPECT_EQ(Parse("service=sts&kind=throttle&value=0")->calls_per_second, 0u);
  EXPECT_EQ(Parse("service=sts&kind=error&value=503")->status, 503);
  EXPECT_EQ(Parse("service=sts&kind=clock&value=-20m")->clock, -std::chrono::minutes(20));
  EXPECT_EQ(Parse("service=metadata&kind=clock&value=20m")->clock, std::chrono::minutes(20));
  EXPECT_EQ(Parse("service=sts&kind=garbage")->garbage, "bytes");
  EXPECT_EQ(Parse("service=sts&kind=garbage&value=html")->garbage, "html");
  for (const char* query : {"service=sts&kind=reset", "service=metadata&kind=stall",
                            "service=metadata&kind=v1-off", "service=metadata&kind=v2-off&for=500ms"}) {
    EXPECT_THAT(Parse(query), IsOk()) << query;
  }
}

TEST(ParseFaultOrderTest, EveryMistakeSaysHowItIsWritten) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "service is"},
      {"service=ram&kind=reset", "service is"},
      {"service=sts&kind=lost", "for service=oss"},
      {"service=sts&kind=reset&key=a", "for service=oss"},
      {"service=oss&kind=reset&operation=fetch", "operation is"},
      {"service=oss&kind=cut", "how many bytes"},
      {"service=oss&kind=body-reset&value=-1", "how many bytes"},
      {"service=oss&kind=lost&value=1", "take no value"},
      {"service=sts", "kind is"},
      {"service=sts&kind=Reset", "kind is"},
      {"service=sts&kind=latency", "20ms"},
      {"service=sts&kind=latency&value=20", "20ms"},
      {"service=sts&kind=latency&value=-1ms", "20ms"},
      {"service=sts&kind=latency&value=99999999999999999999ms", "20ms"},
      {"service=sts&kind=latency&value=25h", "at most 24h"},
      {"service=sts&kind=throttle&value=", "calls per second"},
      {"service=sts&kind=throttle&value=1.5", "calls per second"},
      {"service=sts&kind=throttle&value=-1", "calls per second"},
      {"service=sts&kind=throttle&value=1000001", "calls per second"},
      {"service=sts&kind=error&value=499", "500 to 599"},
      {"service=sts&kind=error&value=600", "500 to 599"},
      {"service=sts&kind=error", "500 to 599"},
      {"service=sts&kind=garbage&value=rude", "html"},
      {"service=sts&kind=clock&value=--20m", "-20m"},
      {"service=sts&kind=clock&value=-", "-20m"},
      {"service=sts&kind=clock&value=367d", "at most a year"},
      {"service=sts&kind=reset&value=1", "take no value"},
      {"service=sts&kind=v1-off", "service=metadata"},
      {"service=sts&kind=reset&count=0", "count is"},
      {"service=sts&kind=reset&count=x", "count is"},
      {"service=sts&kind=reset&for=0s", "for is"},
      {"service=sts&kind=reset&for=x", "for is"},
      {"service=sts&kind=reset&kind=stall", "twice"},
      {"service=sts&kind=reset&extra=1", "the parameters are"}};
  for (const auto& [query, says] : cases) {
    const auto order = Parse(query);
    EXPECT_THAT(order, FailsWith(absl::StatusCode::kInvalidArgument, "FAULT_INVALID")) << query;
    EXPECT_THAT(order.status().ToString(), HasSubstr(says)) << query;
  }
}

TEST_F(ArmedFaultTest, AThrottleLetsExactlyThatManyPassInAnySecond) {
  ArmedFault throttle = Armed("service=sts&kind=throttle&value=100");
  std::vector<Timers::SteadyTime> passed;
  for (int call = 0; call < 4000; ++call) {
    now_ += milliseconds(1);
    if (Apply(throttle).outcome == Outcome::kServe) passed.push_back(now_);
  }

  EXPECT_EQ(passed.size(), 400u);
  EXPECT_EQ(throttle.struck(), 3600u);
  for (size_t i = 100; i < passed.size(); ++i) EXPECT_GE(passed[i] - passed[i - 100], seconds(1));
}

TEST_F(ArmedFaultTest, AThrottleCountsEachApiApart) {
  ArmedFault throttle = Armed("service=sts&kind=throttle&value=1");
  EXPECT_EQ(Apply(throttle, "AssumeRole").outcome, Outcome::kServe);
  EXPECT_EQ(Apply(throttle, "AssumeRole").outcome, Outcome::kThrottle);
  EXPECT_EQ(Apply(throttle, "GetCallerIdentity").outcome, Outcome::kServe);
  ArmedFault closed = Armed("service=sts&kind=throttle&value=0");
  EXPECT_EQ(Apply(closed).outcome, Outcome::kThrottle);
}

TEST_F(ArmedFaultTest, AnOrderEndsAfterItsCountOrItsTime) {
  ArmedFault burst = Armed("service=sts&kind=error&value=503&count=2");
  EXPECT_EQ(Apply(burst).outcome, Outcome::kError);
  EXPECT_EQ(Apply(burst).status, 503);
  EXPECT_EQ(Apply(burst).outcome, Outcome::kServe);
  EXPECT_EQ(burst.struck(), 2u);
  ArmedFault brief = Armed("service=sts&kind=latency&value=1s&for=10s");
  now_ += milliseconds(9999);
  EXPECT_EQ(Apply(brief).latency, seconds(1));
  now_ += milliseconds(1);
  EXPECT_EQ(Apply(brief).latency, seconds(0));
  EXPECT_TRUE(brief.Over(now_));
}

TEST_F(ArmedFaultTest, ACallEndsOneWayAndTheOtherFaultIsNotSpentOnIt) {
  ArmedFault latency = Armed("service=sts&kind=latency&value=5ms");
  ArmedFault reset = Armed("service=sts&kind=reset&count=1");
  ArmedFault error = Armed("service=sts&kind=error&value=500&count=1");
  FaultDecision decision;
  for (ArmedFault* fault : {&latency, &reset, &error}) fault->Apply("AssumeRole", "", now_, decision);

  EXPECT_EQ(decision.outcome, Outcome::kReset);
  EXPECT_EQ(decision.latency, milliseconds(5));
  EXPECT_EQ(error.struck(), 0u);
}

TEST(BrokenAnswerTest, GarbageIsNeverAnAnswerOfSts) {
  for (const char* kind : {"bytes", "html", "truncated", "json", "empty"}) {
    FaultDecision decision;
    decision.outcome = Outcome::kGarbage;
    decision.garbage = kind;
    const http::Answer answer = BrokenAnswer(decision);
    EXPECT_EQ(answer.status, 200);
    EXPECT_FALSE(answer.reset);
    EXPECT_EQ(answer.body.empty(), std::string_view(kind) == "empty");
    EXPECT_EQ(ParseJson(answer.body).ok(), std::string_view(kind) == "json") << kind;
  }
  FaultDecision decision;
  decision.outcome = Outcome::kReset;
  EXPECT_TRUE(BrokenAnswer(decision).reset);
}

}  // namespace
}  // namespace sluice::sandbox
