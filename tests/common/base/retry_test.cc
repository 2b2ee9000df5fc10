// SPDX-License-Identifier: Apache-2.0
#include "common/base/retry.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::FakeTimers;
using sluice::testing::IsOk;
using std::chrono::milliseconds;

class RetryTest : public ::testing::Test {
 protected:
  using Answer = absl::AnyInvocable<void(absl::StatusOr<int>)>;
  static absl::Status Passing() { return Fail(absl::StatusCode::kUnavailable, "OSS_UNREACHABLE", "no"); }
  void Go(std::function<absl::StatusOr<int>()> attempt, Deadline deadline, CancelToken cancel = {}) {
    Retry<int>(
        timers_, Rules(), deadline, std::move(cancel),
        [this, attempt = std::move(attempt)](Answer answer) {
          ++attempts_;
          answer(attempt());
        },
        [this](absl::StatusOr<int> answer) {
          ++answers_;
          last_ = std::move(answer);
        });
  }
  RetryRules Rules() {
    return {4, milliseconds(100), milliseconds(250),
            [](const absl::Status& status) { return absl::IsUnavailable(status); },
            [this] { return random_; }};
  }
  Deadline Late() { return Deadline(timers_.Now() + std::chrono::hours(1)); }

  FakeTimers timers_;
  double random_ = 1;
  int attempts_ = 0;
  int answers_ = 0;
  absl::StatusOr<int> last_ = 0;
};

TEST_F(RetryTest, TriesAgainUntilItSucceedsAndAnswersOnce) {
  Go([this]() -> absl::StatusOr<int> { return attempts_ < 3 ? absl::StatusOr<int>(Passing()) : 7; }, Late());
  EXPECT_EQ(attempts_, 1);
  timers_.Advance(milliseconds(99));
  EXPECT_EQ(attempts_, 1);
  timers_.Advance(milliseconds(1));
  EXPECT_EQ(attempts_, 2);
  timers_.Advance(milliseconds(200));
  EXPECT_EQ(attempts_, 3);
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(*last_, 7);
}

TEST_F(RetryTest, EndsAfterSoManyAttemptsAndAtOnceForWhatNothingMends) {
  Go([] { return absl::StatusOr<int>(Passing()); }, Late());
  timers_.Advance(std::chrono::minutes(1));
  EXPECT_EQ(attempts_, 4);
  EXPECT_THAT(last_.status(), FailsWith(absl::StatusCode::kUnavailable, "OSS_UNREACHABLE"));
  attempts_ = 0;
  Go([] { return absl::StatusOr<int>(Fail(absl::StatusCode::kNotFound, "X_Y", "no")); }, Late());
  EXPECT_EQ(attempts_, 1);
  EXPECT_EQ(answers_, 2);
}

TEST_F(RetryTest, NoAttemptBeginsBehindTheDeadline) {
  Go([] { return absl::StatusOr<int>(Passing()); }, Deadline(timers_.Now() + milliseconds(250)));
  timers_.Advance(milliseconds(100));
  EXPECT_EQ(attempts_, 2);
  EXPECT_EQ(answers_, 1);  // the third would come too late, and is not waited for
  EXPECT_EQ(timers_.waiting(), 0u);
}

TEST_F(RetryTest, ACancelEndsTheWaitAtOnceAndNothingIsTriedAfterIt) {
  CancelSource cancel;
  Go([] { return absl::StatusOr<int>(Passing()); }, Late(), cancel.token());
  EXPECT_EQ(timers_.waiting(), 1u);
  cancel.Cancel();
  EXPECT_EQ(attempts_, 1);
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(last_.status().code(), absl::StatusCode::kCancelled);
  timers_.Advance(std::chrono::minutes(1));
  EXPECT_EQ(answers_, 1);
}

TEST_F(RetryTest, TheDelayDoublesUpToItsMostIsJitteredByHalfAndNeverLessThanThePeerAskedFor) {
  EXPECT_EQ(RetryDelayOf(Rules(), 1, Passing()), milliseconds(100));
  EXPECT_EQ(RetryDelayOf(Rules(), 2, Passing()), milliseconds(200));
  EXPECT_EQ(RetryDelayOf(Rules(), 3, Passing()), milliseconds(250));
  EXPECT_EQ(RetryDelayOf(Rules(), 9, Passing()), milliseconds(250));
  random_ = 0;
  EXPECT_EQ(RetryDelayOf(Rules(), 1, Passing()), milliseconds(50));
  const absl::Status wants =
      Fail(absl::StatusCode::kUnavailable, "OSS_THROTTLED", "no").RetryAfter(milliseconds(1500));
  EXPECT_EQ(RetryDelayOf(Rules(), 1, wants), milliseconds(1500));
}

}  // namespace
}  // namespace sluice
