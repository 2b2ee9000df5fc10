// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/load.h"

#include "common/base/status.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::milliseconds;

class LoadTest : public ::testing::Test {
 protected:
  // How many of `tries` in a row go through.
  static int Count(int tries, const std::function<absl::Status()>& call) {
    int good = 0;
    for (int i = 0; i < tries; ++i) good += call().ok();
    return good;
  }
  sluice::testing::FakeTimers timers_;
};

TEST_F(LoadTest, TakesSoManyCallsAtOnceAndNoMoreUntilOneHasLeft) {
  Load load({2, 0, 0, 0}, timers_);
  EXPECT_THAT(load.Enter(), IsOk());
  EXPECT_THAT(load.Enter(), IsOk());

  const absl::Status refused = load.Enter();

  EXPECT_THAT(refused, FailsWith(absl::StatusCode::kUnavailable, "BROKER_OVERLOADED"));
  EXPECT_TRUE(RetryDelay(refused));
  EXPECT_EQ(load.in_flight(), 2);
  load.Leave();
  EXPECT_THAT(load.Enter(), IsOk());
}

TEST_F(LoadTest, ASubjectHasTwoSecondsWorthAtOnceAndThenItsRate) {
  Load load({0, 0, 50, 0}, timers_);
  const auto alice = [&] { return load.TakeOfCaller({"app", "alice", {}}, "192.0.2.1"); };

  EXPECT_EQ(Count(1000, alice), 100);
  const absl::Status refused = alice();
  EXPECT_THAT(refused, FailsWith(absl::StatusCode::kResourceExhausted, "SUBJECT_RATE_EXCEEDED"));
  EXPECT_EQ(RetryDelay(refused), milliseconds(20));
  EXPECT_EQ(Count(1000, [&] { return load.TakeOfCaller({"app", "bob", {}}, "192.0.2.1"); }), 100);
  EXPECT_EQ(Count(1000, [&] { return load.TakeOfCaller({"other", "alice", {}}, "192.0.2.1"); }), 100);

  timers_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(Count(1000, alice), 50);
}

TEST_F(LoadTest, AnonymousCallersAreToldApartByTheirAddress) {
  Load load({0, 0, 1, 0}, timers_);
  const identity::Caller nobody{"nobody", "anonymous", {}, true};
  EXPECT_EQ(Count(9, [&] { return load.TakeOfCaller(nobody, "192.0.2.1"); }), 2);
  EXPECT_EQ(Count(9, [&] { return load.TakeOfCaller(nobody, "192.0.2.2"); }), 2);
}

TEST_F(LoadTest, WaitingAsToldIsEnough) {
  Load load({0, 0, 0, 3}, timers_);
  while (load.TakeOfGrant("photos").ok()) {
  }
  for (int i = 0; i < 10; ++i) {
    const absl::Status refused = load.TakeOfGrant("photos");
    ASSERT_THAT(refused, FailsWith(absl::StatusCode::kResourceExhausted, "GRANT_RATE_EXCEEDED"));
    timers_.Advance(*RetryDelay(refused));
    EXPECT_THAT(load.TakeOfGrant("photos"), IsOk());
  }
}

TEST_F(LoadTest, EverybodyTogetherIsBoundedTooAndARefusedCallIsNotInFlight) {
  Load load({0, 10, 0, 0}, timers_);
  EXPECT_EQ(Count(100, [&] { return load.Enter(); }), 20);
  EXPECT_EQ(load.in_flight(), 20);
}

TEST_F(LoadTest, NewLimitsHoldFromTheNextCallOn) {
  Load load({0, 0, 1, 0}, timers_);
  EXPECT_EQ(Count(100, [&] { return load.TakeOfCaller({"app", "alice", {}}, "192.0.2.1"); }), 2);
  load.Set({0, 0, 0, 0});
  EXPECT_EQ(Count(100, [&] { return load.TakeOfCaller({"app", "alice", {}}, "192.0.2.1"); }), 100);
  load.Set({1, 0, 0, 0});
  EXPECT_EQ(Count(100, [&] { return load.Enter(); }), 1);
}

TEST_F(LoadTest, ThoseTurnedAwayComeBackOneAfterAnother) {
  sluice::testing::FakeTimers timers;
  Load load({}, timers);
  const auto delay = [&] { return *RetryDelay(load.TurnAway()); };
  EXPECT_EQ(delay(), milliseconds(1000));
  for (int i = 0; i < 999; ++i) (void)delay();
  EXPECT_EQ(delay(), milliseconds(1500));
  for (int i = 0; i < 200000; ++i) EXPECT_LE(delay(), std::chrono::minutes(1));
  EXPECT_EQ(delay(), std::chrono::minutes(1));
  timers.Advance(std::chrono::minutes(2));
  EXPECT_EQ(delay(), milliseconds(1000));
}

TEST(RateTableTest, MoreNamesThanPlacesAreForgottenNotConfused) {
  sluice::testing::FakeTimers timers;
  RateTable table(1, 4);
  const auto take = [&](int i) {
    return table.Take(RateTable::NameOf("name" + std::to_string(i)), timers.Now()).count();
  };
  for (int i = 0; i < 100; ++i) EXPECT_EQ(take(i), 0) << i;
  // The one that was used last is still known.
  EXPECT_EQ(take(99), 0);
  EXPECT_GT(take(99), 0);
}

}  // namespace
}  // namespace sluice::broker
