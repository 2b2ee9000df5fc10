// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/retrying_sts.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

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

class RetryingStsTest : public ::testing::Test {
 protected:
  void Ask(milliseconds deadline = seconds(5)) {
    AssumeRoleRequest request;
    request.turn = "turn";
    sts_.AssumeRole(std::move(request), Deadline(timers_.Now() + deadline), cancel_.token(),
                    [this](auto answer) { answers_.push_back(std::move(answer)); });
  }
  static absl::Status Error(const char* reason, milliseconds delay = milliseconds(0)) {
    return Fail(StatusCode::kUnavailable, reason, "x").RetryAfter(delay);
  }
  size_t asked() const { return inner_.asked().size(); }

  double jitter_ = 0.5;
  sluice::testing::FakeTimers timers_;
  sluice::testing::HeldSts inner_;
  RetryingSts sts_{inner_, timers_, [this] { return jitter_; }};
  CancelSource cancel_;
  std::vector<absl::StatusOr<aliyun::Credentials>> answers_;
};

TEST_F(RetryingStsTest, TriesThreeTimesWithGrowingPauses) {
  Ask();
  inner_.Answer(Error("STS_UNREACHABLE"));
  EXPECT_TRUE(answers_.empty());
  timers_.Advance(milliseconds(149));
  EXPECT_EQ(asked(), 1u);
  timers_.Advance(milliseconds(1));
  ASSERT_EQ(asked(), 2u);
  EXPECT_EQ(inner_.asked()[1].request.turn, "turn");
  inner_.Answer(Error("STS_ANSWER_INVALID"));
  timers_.Advance(milliseconds(299));
  EXPECT_EQ(asked(), 2u);
  timers_.Advance(milliseconds(1));
  EXPECT_EQ(asked(), 3u);
  inner_.Answer(Error("STS_THROTTLED"));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0], FailsWith(StatusCode::kUnavailable, "STS_THROTTLED"));
  EXPECT_EQ(timers_.waiting(), 0u);
}

TEST_F(RetryingStsTest, WhatHelpsMeanwhileIsTheAnswer) {
  for (const char* reason :
       {"STS_THROTTLED", "STS_UNREACHABLE", "STS_ANSWER_INVALID", "OWN_CREDENTIALS_MISSING"}) {
    Ask();
    inner_.Answer(Error(reason));
    timers_.Advance(seconds(1));
    inner_.Answer(aliyun::Credentials{});
    EXPECT_THAT(answers_.back(), IsOk()) << reason;
  }
}

TEST_F(RetryingStsTest, WhatCannotHelpIsToldAtOnce) {
  for (const char* reason : {"STS_BUDGET_SPENT", "STS_REFUSED", "ROLE_NOT_FOUND", "CALL_CANCELLED", "ELSE"}) {
    Ask();
    inner_.Answer(Error(reason));
    EXPECT_THAT(answers_.back(), FailsWith(StatusCode::kUnavailable, reason));
  }
  EXPECT_EQ(answers_.size(), 5u);
}

TEST_F(RetryingStsTest, NoPauseIsShorterThanTheErrorSays) {
  jitter_ = 0;
  Ask();
  inner_.Answer(Error("STS_THROTTLED", seconds(2)));
  timers_.Advance(milliseconds(1999));
  EXPECT_EQ(asked(), 1u);
  timers_.Advance(milliseconds(1));
  EXPECT_EQ(asked(), 2u);
}

TEST_F(RetryingStsTest, APauseThatLeavesNoTimeIsNotMade) {
  Ask(milliseconds(1100));
  inner_.Answer(Error("STS_UNREACHABLE", seconds(1)));
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0], FailsWith(StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_EQ(RetryDelay(answers_[0].status()), seconds(1));
}

TEST_F(RetryingStsTest, OnlyWhoWasThrottledHasHadItsTurn) {
  Ask();
  inner_.Answer(Error("STS_UNREACHABLE"));
  timers_.Advance(seconds(1));
  EXPECT_EQ(inner_.asked()[1].request.urgency, Urgency::kCaller);
  inner_.Answer(Error("STS_THROTTLED"));
  timers_.Advance(seconds(1));
  EXPECT_EQ(inner_.asked()[2].request.urgency, Urgency::kShared);
}

TEST_F(RetryingStsTest, CancelEndsAPauseAtOnce) {
  Ask();
  inner_.Answer(Error("STS_UNREACHABLE", seconds(1)));
  cancel_.Cancel();
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_THAT(answers_[0], FailsWith(StatusCode::kCancelled, "CALL_CANCELLED"));
  EXPECT_EQ(timers_.waiting(), 0u);
  timers_.Advance(seconds(5));
  EXPECT_EQ(asked(), 1u);
  EXPECT_EQ(answers_.size(), 1u);
  // And one that has come already begins no pause.
  Ask();
  inner_.Answer(Error("STS_UNREACHABLE"));
  EXPECT_THAT(answers_.at(1), FailsWith(StatusCode::kCancelled, "CALL_CANCELLED"));
}

TEST_F(RetryingStsTest, ACancelAfterTheAnswerDoesNothing) {
  Ask();
  inner_.Answer(Error("STS_UNREACHABLE"));
  timers_.Advance(seconds(1));
  inner_.Answer(aliyun::Credentials{});
  cancel_.Cancel();
  EXPECT_EQ(answers_.size(), 1u);
}

TEST(RetryingStsThreadsTest, ACancelAndTheEndOfAPauseTogetherAnswerOnce) {
  class Unreachable final : public Sts {
    void AssumeRole(AssumeRoleRequest, Deadline, CancelToken cancel, Done done) override {
      if (cancel.cancelled()) return done(Fail(StatusCode::kCancelled, "CALL_CANCELLED", "x"));
      done(Fail(StatusCode::kUnavailable, "STS_UNREACHABLE", "x"));
    }
  } inner;
  std::atomic<int> answers = 0;
  ThreadTimers timers;
  RetryingSts sts(inner, timers, [] { return 0.0; });
  std::vector<std::unique_ptr<CancelSource>> cancels;
  for (int i = 0; i < 500; ++i) {
    cancels.push_back(std::make_unique<CancelSource>());
    sts.AssumeRole({}, Deadline::After(seconds(5)), cancels.back()->token(), [&](const auto&) { ++answers; });
  }
  // The first pauses end about now, on the other thread.
  const auto end = timers.Now() + milliseconds(100);
  while (timers.Now() < end) std::this_thread::yield();
  for (const auto& cancel : cancels) cancel->Cancel();
  while (answers < 500) std::this_thread::yield();
  EXPECT_EQ(answers, 500);
}

}  // namespace
}  // namespace sluice::broker
