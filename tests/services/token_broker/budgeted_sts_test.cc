// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/budgeted_sts.h"

#include "common/base/status.h"
#include "tests/support/fake_timers.h"
#include "tests/support/held_sts.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Between two calls at a share of one.
constexpr milliseconds kTurn{1050};

class BudgetedStsTest : public ::testing::Test {
 protected:
  void Ask(std::string turn, Urgency urgency = Urgency::kCaller) {
    AssumeRoleRequest request{"role", "name", "{}", seconds(900), urgency, std::move(turn)};
    sts_.AssumeRole(std::move(request), Deadline(timers_.Now() + seconds(5)), cancel_.token(),
                    [this](auto answer) { answers_.push_back(std::move(answer)); });
  }
  sluice::testing::FakeTimers timers_;
  sluice::testing::HeldSts wire_;
  CancelSource cancel_;
  StsBudget budget_{1, timers_, [] { return 0.0; }};
  BudgetedSts sts_{wire_, budget_};
  std::vector<absl::StatusOr<aliyun::Credentials>> answers_;
};

TEST_F(BudgetedStsTest, CallsOnceAdmittedWithWhatItWasAsked) {
  Ask("a");
  Ask("b");
  ASSERT_EQ(wire_.asked().size(), 1u);
  EXPECT_EQ(wire_.asked()[0].request.turn, "a");
  EXPECT_EQ(wire_.asked()[0].request.policy_json, "{}");
  timers_.Advance(kTurn);
  ASSERT_EQ(wire_.asked().size(), 2u);
  EXPECT_EQ(wire_.asked()[1].request.turn, "b");
}

TEST_F(BudgetedStsTest, WithoutAdmissionNothingIsCalled) {
  Ask("a");
  Ask("ahead", Urgency::kAhead);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0], FailsWith(StatusCode::kResourceExhausted, "STS_BUDGET_SPENT"));
  Ask("b");
  cancel_.Cancel();
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_THAT(answers_[1], FailsWith(StatusCode::kCancelled, "CALL_CANCELLED"));
  EXPECT_EQ(wire_.asked().size(), 1u);
}

TEST_F(BudgetedStsTest, OnlyThrottlingSlowsTheBudgetDown) {
  Ask("a");
  timers_.Advance(kTurn);
  wire_.Answer(Fail(StatusCode::kUnavailable, "STS_UNREACHABLE", "x"));
  EXPECT_EQ(budget_.left(), 1u);
  Ask("b");
  timers_.Advance(kTurn);
  EXPECT_EQ(budget_.left(), 1u);
  wire_.Answer(Fail(StatusCode::kResourceExhausted, "STS_THROTTLED", "x"));
  EXPECT_EQ(budget_.left(), 0u);
  EXPECT_THAT(answers_.at(1), FailsWith(StatusCode::kResourceExhausted, "STS_THROTTLED"));
}

}  // namespace
}  // namespace sluice::broker
