// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/failover_sts.h"

#include "common/base/status.h"
#include "tests/support/fake_timers.h"
#include "tests/support/held_sts.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FailoverStsTest : public ::testing::Test {
 protected:
  void Ask(Urgency urgency = Urgency::kCaller) {
    AssumeRoleRequest request;
    request.role_arn = "role";
    request.urgency = urgency;
    sts_.AssumeRole(std::move(request), Deadline(timers_.Now() + seconds(5)), cancel_.token(),
                    [this](auto answer) { answers_.push_back(std::move(answer)); });
  }
  static absl::Status Unreachable() { return Fail(StatusCode::kUnavailable, "STS_UNREACHABLE", "wire"); }
  // Until it is left alone.
  void Break(sluice::testing::HeldSts& wire) {
    for (int i = 0; i < 3; ++i) {
      Ask();
      wire.Answer(Unreachable());
    }
  }
  static Jitter Most() {
    return [] { return 0.999; };
  }

  sluice::testing::FakeTimers timers_;
  sluice::testing::HeldSts first_wire_;
  sluice::testing::HeldSts second_wire_;
  BreakerSts first_{first_wire_, "first", seconds(2), timers_, Most()};
  BreakerSts second_{second_wire_, "second", seconds(2), timers_, Most()};
  CancelSource cancel_;
  FailoverSts sts_{{{first_, first_}, {second_, second_}}, timers_};
  std::vector<absl::StatusOr<aliyun::Credentials>> answers_;
};

TEST_F(FailoverStsTest, TheFirstAnswersAndTheSecondIsNotAsked) {
  Ask();
  first_wire_.Answer(aliyun::Credentials{});
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0], IsOk());
  EXPECT_EQ(second_wire_.asked().size(), 0u);
}

TEST_F(FailoverStsTest, AtAFaultTheNextIsAskedAtOnceAsOneWhoseTurnItWas) {
  Ask();
  first_wire_.Answer(Fail(StatusCode::kUnavailable, "STS_ANSWER_INVALID", "x"));
  ASSERT_EQ(second_wire_.asked().size(), 1u);
  EXPECT_EQ(second_wire_.asked()[0].request.role_arn, "role");
  EXPECT_EQ(second_wire_.asked()[0].request.urgency, Urgency::kShared);
  second_wire_.Answer(aliyun::Credentials{});
  EXPECT_THAT(answers_.at(0), IsOk());
  Ask(Urgency::kAhead);
  first_wire_.Answer(Unreachable());
  EXPECT_EQ(second_wire_.asked()[1].request.urgency, Urgency::kAhead);
}

TEST_F(FailoverStsTest, AStalledFirstLeavesTimeForTheSecond) {
  Ask();
  EXPECT_EQ(first_wire_.asked()[0].deadline.at() - timers_.Now(), seconds(2));
  timers_.Advance(seconds(2));
  first_wire_.Answer(Unreachable());
  ASSERT_EQ(second_wire_.asked().size(), 1u);
  EXPECT_EQ(second_wire_.asked()[0].deadline.at() - timers_.Now(), seconds(2));
}

TEST_F(FailoverStsTest, ARefusalIsTheAnswer) {
  for (const char* reason : {"STS_REFUSED", "ROLE_NOT_FOUND", "STS_THROTTLED", "OWN_CREDENTIALS_MISSING",
                             "CALL_CANCELLED", "STS_BUDGET_SPENT"}) {
    Ask();
    first_wire_.Answer(Fail(StatusCode::kFailedPrecondition, reason, "x"));
    EXPECT_THAT(answers_.back(), FailsWith(StatusCode::kFailedPrecondition, reason));
  }
  EXPECT_EQ(second_wire_.asked().size(), 0u);
}

TEST_F(FailoverStsTest, AnOpenBreakerIsPassedByUntilItsProbeAnswers) {
  Break(first_wire_);
  while (second_wire_.held() > 0) second_wire_.Answer(aliyun::Credentials{});
  for (int i = 0; i < 5; ++i) {
    Ask();
    second_wire_.Answer(aliyun::Credentials{});
  }
  EXPECT_EQ(first_wire_.asked().size(), 3u);
  timers_.Advance(seconds(1));
  Ask();
  EXPECT_EQ(first_wire_.asked().size(), 4u);
  Ask();  // one probe is enough
  EXPECT_EQ(first_wire_.asked().size(), 4u);
  first_wire_.Answer(aliyun::Credentials{});
  Ask();
  EXPECT_EQ(first_wire_.asked().size(), 5u);
}

TEST_F(FailoverStsTest, AllOpenIsToldAtOnceWithTheTimeOfTheNextProbe) {
  for (int i = 0; i < 3; ++i) {
    Ask();
    first_wire_.Answer(Unreachable());
    second_wire_.Answer(Unreachable());
    EXPECT_THAT(answers_.back(), FailsWith(StatusCode::kUnavailable, "STS_UNREACHABLE"));
  }
  timers_.Advance(milliseconds(400));
  Ask();
  EXPECT_EQ(first_wire_.asked().size() + second_wire_.asked().size(), 6u);
  EXPECT_THAT(answers_.back(), FailsWith(StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_EQ(RetryDelay(answers_.back().status()), milliseconds(599));
  timers_.Advance(milliseconds(599));
  Ask();
  EXPECT_EQ(first_wire_.held(), 1u);
  first_wire_.Answer(aliyun::Credentials{});
  EXPECT_THAT(answers_.back(), IsOk());
}

TEST_F(FailoverStsTest, NobodyWaitingNothingFurtherIsAsked) {
  Ask();
  cancel_.Cancel();
  first_wire_.Answer(Unreachable());
  EXPECT_EQ(second_wire_.asked().size(), 0u);
  EXPECT_EQ(answers_.size(), 1u);
  CancelSource fresh;
  cancel_ = fresh;
  Ask();
  timers_.Advance(seconds(5));
  first_wire_.Answer(Unreachable());
  EXPECT_EQ(second_wire_.asked().size(), 0u);
  EXPECT_EQ(answers_.size(), 2u);
}

}  // namespace
}  // namespace sluice::broker
