// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/refreshed_credentials.h"

#include <condition_variable>
#include <mutex>

#include "common/aliyun/credential_answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

// Gives what it is told to, and counts.
class Tap {
 public:
  class Way final : public CredentialProvider {
   public:
    explicit Way(Tap& tap) : tap_(tap) {}
    std::string name() const override { return "tap"; }
    std::string description() const override { return "a test"; }
    absl::StatusOr<Credentials> Fetch(Deadline, CancelToken) override {
      std::lock_guard lock(tap_.mutex_);
      ++tap_.calls_;
      tap_.called_.notify_all();
      return tap_.next_;
    }

   private:
    Tap& tap_;
  };
  CredentialChain Chain() {
    CredentialChain out;
    out.push_back(std::make_unique<Way>(*this));
    return out;
  }
  void Give(absl::StatusOr<Credentials> next) {
    std::lock_guard lock(mutex_);
    next_ = std::move(next);
  }
  void Give(const std::string& id, std::optional<Time> expiration) {
    Give(Credentials{id, SecretString("hunter2"), SecretString("hunter2"), expiration});
  }
  int calls() {
    std::lock_guard lock(mutex_);
    return calls_;
  }
  void AwaitCalls(int count) {
    std::unique_lock lock(mutex_);
    called_.wait(lock, [&] { return calls_ >= count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable called_;
  absl::StatusOr<Credentials> next_ = absl::UnknownError("no answer given");  // guarded by mutex_, as below
  int calls_ = 0;
};

class RefreshedCredentialsTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<RefreshedCredentials>> Start(RefreshedCredentials::Accept accept = nullptr) {
    return RefreshedCredentials::Start(tap_.Chain(), std::move(accept), clock_, timers_, log_);
  }
  // Both clocks.
  void Advance(seconds by) {
    clock_.Advance(by);
    timers_.Advance(by);
  }
  std::string IdOf(const CredentialSource& source) {
    const auto key = source.Current();
    return key == nullptr ? "none" : key->access_key_id;
  }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::FakeLog log_;
  Tap tap_;
};

TEST(NextFetchTest, IsAheadOfTheEndAndNeverAtOnce) {
  const Time now = sluice::testing::FakeClock().Now();
  EXPECT_EQ(NextFetch(now, now + hours(6)), now + hours(4));
  EXPECT_EQ(NextFetch(now, now + hours(1)), now + minutes(40));
  EXPECT_EQ(NextFetch(now, now + minutes(18)), now + minutes(8));
  EXPECT_EQ(NextFetch(now, now + minutes(10)), now + seconds(150));
  EXPECT_EQ(NextFetch(now, now + seconds(12)), now + seconds(5));
  EXPECT_EQ(NextFetch(now, now + seconds(1)), now + seconds(5));
}

TEST_F(RefreshedCredentialsTest, AKeyIsThereOnceItHasStartedAndIsReplacedAheadOfItsEnd) {
  tap_.Give("first", clock_.Now() + hours(1));
  const auto source = Start();
  ASSERT_THAT(source, IsOk());
  EXPECT_EQ(IdOf(**source), "first");
  tap_.Give("second", clock_.Now() + hours(2));

  Advance(minutes(40) - seconds(1));
  EXPECT_EQ(tap_.calls(), 1);
  Advance(seconds(1));
  log_.Await("own_key_changed", 2);

  EXPECT_EQ(IdOf(**source), "second");
  EXPECT_EQ((*source)->State().source, "tap");
  EXPECT_EQ((*source)->State().expiration, clock_.Now() + minutes(80));
}

TEST_F(RefreshedCredentialsTest, AKeyThatFailsToBeRenewedIsUsedToItsEndAndNotBeyond) {
  tap_.Give("first", clock_.Now() + hours(1));
  const auto source = Start();
  ASSERT_THAT(source, IsOk());
  tap_.Give(CredentialsUnavailable("hiccup"));

  Advance(minutes(40));
  log_.Await("own_key_failed", 1);
  EXPECT_EQ(IdOf(**source), "first");
  EXPECT_THAT((*source)->State().error, FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
  // Retries come a few seconds apart, each within its jitter.
  for (int failures = 2; failures < 6; ++failures) {
    Advance(seconds(23));
    log_.Await("own_key_failed", static_cast<size_t>(failures));
  }
  clock_.Advance(minutes(20));
  EXPECT_EQ(IdOf(**source), "none");
  EXPECT_EQ((*source)->State().access_key_id, "");

  tap_.Give("second", clock_.Now() + hours(1));
  Advance(seconds(23));
  log_.Await("own_key_changed", 2);
  EXPECT_EQ(IdOf(**source), "second");
  EXPECT_THAT((*source)->State().error, IsOk());
}

TEST_F(RefreshedCredentialsTest, AWallClockThatJumpsIsSeenWithinAMinute) {
  tap_.Give("first", clock_.Now() + hours(1));
  const auto source = Start();
  ASSERT_THAT(source, IsOk());
  tap_.Give("second", clock_.Now() + hours(2));

  clock_.Advance(minutes(45));
  timers_.Advance(minutes(1));
  log_.Await("own_key_changed", 2);

  EXPECT_EQ(IdOf(**source), "second");
}

TEST_F(RefreshedCredentialsTest, AKeyThatStaysIsFetchedAgainOnlyWhenItWasRefused) {
  tap_.Give("first", std::nullopt);
  const auto source = Start();
  ASSERT_THAT(source, IsOk());
  Advance(hours(1000));
  EXPECT_EQ(tap_.calls(), 1);
  EXPECT_EQ(IdOf(**source), "first");

  tap_.Give("rotated", std::nullopt);
  (*source)->Renew();
  timers_.Advance(seconds(0));
  log_.Await("own_key_changed", 2);
  EXPECT_EQ(IdOf(**source), "rotated");
}

TEST_F(RefreshedCredentialsTest, HoweverOftenItIsAskedToRenewItFetchesEveryFiveSecondsAtMost) {
  tap_.Give("first", clock_.Now() + hours(1));
  const auto source = Start();
  ASSERT_THAT(source, IsOk());
  tap_.Give("second", clock_.Now() + hours(1));

  for (int i = 0; i < 1000; ++i) (*source)->Renew();
  Advance(seconds(4));
  EXPECT_EQ(tap_.calls(), 1);
  EXPECT_EQ(timers_.waiting(), 1U);
  Advance(seconds(1));
  log_.Await("own_key_changed", 2);
  for (int i = 0; i < 1000; ++i) (*source)->Renew();
  Advance(seconds(4));
  EXPECT_EQ(tap_.calls(), 2);
}

TEST_F(RefreshedCredentialsTest, WhatIsWrongOnThisMachineStopsTheStart) {
  tap_.Give(CredentialsMissing("nothing"));
  EXPECT_THAT(Start(), FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_MISSING"));
  tap_.Give(CredentialsInvalid("half a key"));
  EXPECT_THAT(Start(), FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
  EXPECT_EQ(timers_.waiting(), 0U);
}

TEST_F(RefreshedCredentialsTest, WhatOthersRefuseDoesNotAndIsAskedForAgain) {
  for (const absl::Status& status :
       {absl::Status(CredentialsUnavailable("down")),
        absl::Status(Fail(StatusCode::kFailedPrecondition, "STS_REFUSED", "no trust yet"))}) {
    const int before = tap_.calls();
    tap_.Give(status);
    const auto source = Start();
    ASSERT_THAT(source, IsOk());
    EXPECT_EQ((*source)->Current(), nullptr);
    tap_.Give("late", clock_.Now() + hours(1));
    Advance(seconds(3));
    tap_.AwaitCalls(before + 2);
    while (IdOf(**source) == "none") std::this_thread::yield();
    EXPECT_EQ(IdOf(**source), "late");
  }
}

TEST_F(RefreshedCredentialsTest, EveryKeyIsJudgedTheFirstAndTheLaterOnes) {
  const auto accept = [](const Credentials& key) -> absl::Status {
    if (key.access_key_id != "public") return absl::OkStatus();
    return Fail(StatusCode::kInvalidArgument, "CONFIG_INVALID", "a key that everybody knows");
  };
  tap_.Give("public", clock_.Now() + hours(1));
  EXPECT_THAT(Start(accept), FailsWith(StatusCode::kInvalidArgument, "CONFIG_INVALID"));

  tap_.Give("good", clock_.Now() + hours(1));
  const auto source = Start(accept);
  ASSERT_THAT(source, IsOk());
  tap_.Give("public", clock_.Now() + hours(2));
  Advance(minutes(40));
  log_.Await("own_key_failed", 2);
  EXPECT_EQ(IdOf(**source), "good");
}

TEST_F(RefreshedCredentialsTest, NoLineHoldsASecret) {
  tap_.Give("first", clock_.Now() + hours(1));
  const auto source = Start();
  ASSERT_THAT(source, IsOk());
  tap_.Give(CredentialsUnavailable("hiccup"));
  Advance(minutes(40));
  log_.Await("own_key_failed", 1);

  for (const std::string& line : log_.lines()) EXPECT_EQ(line.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace sluice::aliyun
