// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/breaker_sts.h"

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

class BreakerStsTest : public ::testing::Test {
 protected:
  void Ask(milliseconds deadline = seconds(5)) {
    sts_.AssumeRole({}, Deadline(timers_.Now() + deadline), {},
                    [this](auto answer) { answers_.push_back(std::move(answer)); });
  }
  void AskAndAnswer(absl::StatusOr<aliyun::Credentials> answer) {
    Ask();
    wire_.Answer(std::move(answer));
  }
  static absl::Status Unreachable() { return Fail(StatusCode::kUnavailable, "STS_UNREACHABLE", "wire"); }
  void Open() {
    for (int i = 0; i < 3; ++i) AskAndAnswer(Unreachable());
    ASSERT_TRUE(sts_.health().open);
    answers_.clear();
  }
  size_t asked() const { return wire_.asked().size(); }
  milliseconds Limit() const {
    return std::chrono::duration_cast<milliseconds>(wire_.asked().back().deadline.at() - timers_.Now());
  }

  sluice::testing::FakeTimers timers_;
  sluice::testing::HeldSts wire_;
  BreakerSts sts_{wire_, "https://sts.example.com", seconds(2), timers_, [] { return 0.6; }};
  std::vector<absl::StatusOr<aliyun::Credentials>> answers_;
};

TEST_F(BreakerStsTest, OpensAfterThreeFaultsInARowAndThenCallsNothing) {
  AskAndAnswer(Unreachable());
  AskAndAnswer(Fail(StatusCode::kUnavailable, "STS_ANSWER_INVALID", "x"));
  AskAndAnswer(aliyun::Credentials{});
  AskAndAnswer(Unreachable());
  AskAndAnswer(Unreachable());
  EXPECT_FALSE(sts_.health().open);
  EXPECT_LE(sts_.ReadyAt(), timers_.Now());
  AskAndAnswer(Fail(StatusCode::kUnavailable, "STS_ANSWER_INVALID", "x"));
  EXPECT_TRUE(sts_.health().open);
  EXPECT_EQ(sts_.health().last_error, "STS_ANSWER_INVALID");
  EXPECT_EQ(sts_.health().address, "https://sts.example.com");
  Ask();
  EXPECT_EQ(asked(), 6u);
  EXPECT_THAT(answers_.back(), FailsWith(StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_EQ(RetryDelay(answers_.back().status()), milliseconds(900));
}

TEST_F(BreakerStsTest, OneProbeAtATimeAndItsAnswerCloses) {
  Open();
  timers_.Advance(milliseconds(899));
  Ask();
  EXPECT_EQ(asked(), 3u);
  timers_.Advance(milliseconds(1));
  EXPECT_LE(sts_.ReadyAt(), timers_.Now());
  Ask();
  ASSERT_EQ(asked(), 4u);
  EXPECT_EQ(Limit(), seconds(1));
  Ask();
  EXPECT_EQ(asked(), 4u);
  EXPECT_EQ(RetryDelay(answers_.back().status()), seconds(1));
  // A refusal too is an answer.
  wire_.Answer(Fail(StatusCode::kFailedPrecondition, "STS_REFUSED", "x"));
  EXPECT_FALSE(sts_.health().open);
  EXPECT_EQ(sts_.health().last_error, "");
  Ask();
  EXPECT_EQ(asked(), 5u);
  EXPECT_EQ(Limit(), seconds(2));
}

TEST_F(BreakerStsTest, WhileNothingAnswersThereIsAboutOneProbeASecond) {
  Open();
  for (int i = 0; i < 1000; ++i) {  // ten seconds
    Ask();
    if (wire_.held() > 0) wire_.Answer(Unreachable());
    timers_.Advance(milliseconds(10));
  }
  EXPECT_GE(asked() - 3, 10u);
  EXPECT_LE(asked() - 3, 12u);
}

TEST_F(BreakerStsTest, ASilentProbeDelaysTheNextOnlyALittle) {
  Open();
  timers_.Advance(milliseconds(900));
  Ask();
  timers_.Advance(seconds(1));
  wire_.Answer(Unreachable());
  timers_.Advance(milliseconds(99));
  Ask();
  EXPECT_EQ(asked(), 4u);
  timers_.Advance(milliseconds(1));
  Ask();
  ASSERT_EQ(asked(), 5u);
  wire_.Answer(aliyun::Credentials{});
  EXPECT_FALSE(sts_.health().open);
}

TEST_F(BreakerStsTest, AProbeThatSaysNothingLeavesItOpen) {
  Open();
  timers_.Advance(milliseconds(900));
  AskAndAnswer(Fail(StatusCode::kCancelled, "CALL_CANCELLED", "x"));
  EXPECT_TRUE(sts_.health().open);
  timers_.Advance(milliseconds(900));
  AskAndAnswer(aliyun::Credentials{});
  EXPECT_THAT(answers_.back(), IsOk());
}

TEST_F(BreakerStsTest, WhatStsSaysOpensNothing) {
  for (int i = 0; i < 20; ++i) {
    AskAndAnswer(Fail(StatusCode::kFailedPrecondition, "STS_REFUSED", "x"));
    AskAndAnswer(Fail(StatusCode::kFailedPrecondition, "ROLE_NOT_FOUND", "x"));
    AskAndAnswer(Fail(StatusCode::kResourceExhausted, "STS_THROTTLED", "x"));
    AskAndAnswer(Fail(StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING", "x"));
    AskAndAnswer(Fail(StatusCode::kCancelled, "CALL_CANCELLED", "x"));
  }
  EXPECT_EQ(asked(), 100u);
  EXPECT_FALSE(sts_.health().open);
}

TEST_F(BreakerStsTest, TheHasteOfACallerIsNoFaultOfTheEndpoint) {
  for (int i = 0; i < 10; ++i) {
    Ask(milliseconds(300));
    timers_.Advance(milliseconds(295));
    wire_.Answer(Unreachable());
  }
  EXPECT_FALSE(sts_.health().open);
  // But a refused connection is one, however little time there was.
  for (int i = 0; i < 3; ++i) {
    Ask(milliseconds(300));
    wire_.Answer(Unreachable());
  }
  EXPECT_TRUE(sts_.health().open);
}

TEST_F(BreakerStsTest, ALateAnswerClosesAndLateFaultsDelayNoProbe) {
  for (int i = 0; i < 5; ++i) Ask();
  for (int i = 0; i < 3; ++i) wire_.Answer(Unreachable());
  const auto ready = sts_.ReadyAt();
  timers_.Advance(milliseconds(500));
  wire_.Answer(Unreachable());
  EXPECT_EQ(sts_.ReadyAt(), ready);
  wire_.Answer(aliyun::Credentials{});
  EXPECT_FALSE(sts_.health().open);
}

}  // namespace
}  // namespace sluice::broker
