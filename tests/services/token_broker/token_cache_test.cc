// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_cache.h"

#include <thread>

#include "common/base/status.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_timers.h"
#include "tests/support/held_sts.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

absl::Status Unreachable() {
  return Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "down").RetryAfter(seconds(1));
}
absl::Status Throttled() {
  return Fail(absl::StatusCode::kResourceExhausted, "STS_THROTTLED", "wait").RetryAfter(seconds(1));
}
absl::Status RoleMissing() {
  return Fail(absl::StatusCode::kFailedPrecondition, "ROLE_NOT_FOUND", "no role")
      .With("sts_code", "EntityNotExist.Role");
}

class TokenCacheTest : public ::testing::Test {
 protected:
  struct Got {
    absl::StatusOr<TokenCache::Token> token;
    TokenAnswer how;
  };
  using Order = std::shared_ptr<const TokenOrder>;

  static std::shared_ptr<TokenOrder> OrderOf(const std::string& subject, seconds life = hours(1),
                                             const std::string& role = "acs:ram::1:role/r") {
    auto order = std::make_shared<TokenOrder>();
    order->role_arn = role;
    order->subject = subject;
    order->policy_json = "{}";
    order->life = life;
    order->least_left = LeastLeft(life);
    order->key = TokenKey(role, "app", subject, "{}", life);
    return order;
  }
  void Ask(const Order& order, milliseconds patience = seconds(10), CancelToken cancel = {}) {
    cache_.Get(order, Deadline(timers_.Now() + patience), cancel,
               [this](absl::StatusOr<TokenCache::Token> token, TokenAnswer how) {
                 got_.push_back({std::move(token), how});
               });
  }
  void Mint(const char* id, seconds life = hours(1)) {
    sts_.Answer(aliyun::Credentials{id, SecretString("s"), SecretString("t"), clock_.Now() + life});
  }
  void Pass(seconds by) {
    clock_.Advance(by);
    timers_.Advance(by);
  }
  std::string LastId() const { return (*got_.back().token)->credentials.access_key_id; }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::HeldSts sts_;
  BrokerMetrics metrics_;
  Load load_{{}, timers_};
  TokenCache cache_{sts_, clock_, timers_, metrics_, load_, seconds(5), 16 << 20};
  const Order alice_ = OrderOf("alice");
  std::vector<Got> got_;
};

TEST_F(TokenCacheTest, AThousandCallersForOneMissingTokenCauseOneAssumeRole) {
  for (int i = 0; i < 1000; ++i) Ask(alice_);
  ASSERT_EQ(sts_.asked().size(), 1u);
  EXPECT_TRUE(got_.empty());

  Mint("STS.A");

  ASSERT_EQ(got_.size(), 1000u);
  for (const Got& got : got_) ASSERT_THAT(got.token, IsOk());
  EXPECT_EQ(got_[0].how, TokenAnswer::kMiss);
  EXPECT_EQ(got_[999].how, TokenAnswer::kCoalesced);
  EXPECT_EQ((*got_[0].token)->grant_id, (*got_[999].token)->grant_id);
  Ask(alice_);
  EXPECT_EQ(got_.back().how, TokenAnswer::kHit);
  EXPECT_EQ(sts_.asked().size(), 1u);
}

TEST_F(TokenCacheTest, ManyThreadsAtOnceCauseOneAssumeRole) {
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 125; ++i)
        cache_.Get(alice_, Deadline(timers_.Now() + seconds(10)), {},
                   [&](auto token, auto) { answered += token.ok(); });
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_EQ(sts_.asked().size(), 1u);
  Mint("STS.A");
  EXPECT_EQ(answered, 1000);
}

TEST_F(TokenCacheTest, MoreMissingTokensThanCanBeMintedInTimeAreToldToWait) {
  const size_t most = TokenCache::kMostFlights;
  for (size_t i = 0; i < most; ++i) Ask(OrderOf("user" + std::to_string(i)));
  ASSERT_TRUE(got_.empty());
  EXPECT_EQ(cache_.flights(), most);

  Ask(alice_);
  ASSERT_EQ(got_.size(), 1u);
  EXPECT_THAT(got_[0].token.status(), FailsWith(absl::StatusCode::kUnavailable, "BROKER_OVERLOADED"));
  EXPECT_GE(RetryDelay(got_[0].token.status()), milliseconds(1000));
  EXPECT_EQ(sts_.asked().size(), most);
  // Whoever waits for one that is coming anyway costs nothing.
  Ask(OrderOf("user7"));
  EXPECT_EQ(got_.size(), 1u);
  // A session that signs for many always goes.
  auto many = OrderOf("many");
  many->urgency = Urgency::kShared;
  Ask(many);
  EXPECT_EQ(sts_.asked().size(), most + 1);
  // Room again, as soon as one has landed.
  Mint("STS.0");
  Mint("STS.1");
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), most + 2);
}

TEST_F(TokenCacheTest, WhoseTokenStillServesIsNotTurnedAway) {
  Ask(alice_);
  Mint("STS.A", minutes(20));
  Pass(minutes(10));
  for (size_t i = 0; i < TokenCache::kMostFlights; ++i) Ask(OrderOf("user" + std::to_string(i)));

  Ask(alice_);

  ASSERT_THAT(got_.back().token, IsOk());
  EXPECT_EQ(got_.back().how, TokenAnswer::kStale);
  EXPECT_EQ(LastId(), "STS.A");
}

TEST_F(TokenCacheTest, AsksForWhatWasOrderedInASessionNamedForSubjectAndGrant) {
  Ask(alice_);

  const AssumeRoleRequest asked = sts_.asked()[0].request;
  EXPECT_EQ(asked.role_arn, "acs:ram::1:role/r");
  EXPECT_EQ(asked.policy_json, "{}");
  EXPECT_EQ(asked.life, hours(1));
  EXPECT_EQ(asked.urgency, Urgency::kCaller);
  EXPECT_EQ(asked.turn, alice_->key);
  Mint("STS.A");
  EXPECT_EQ(asked.session_name, "alice@" + (*got_[0].token)->grant_id);
}

TEST_F(TokenCacheTest, EveryDifferenceInAuthorityIsATokenOfItsOwn) {
  const std::vector<std::string> keys = {
      TokenKey("role", "app", "alice", "{}", hours(1)),  TokenKey("role2", "app", "alice", "{}", hours(1)),
      TokenKey("role", "app2", "alice", "{}", hours(1)), TokenKey("role", "app", "alice2", "{}", hours(1)),
      TokenKey("role", "app", "alice", "{ }", hours(1)), TokenKey("role", "app", "alice", "{}", minutes(59)),
      TokenKey("role", "appa", "lice", "{}", hours(1)),  TokenKey("rolea", "pp", "alice", "{}", hours(1)),
      TokenKey("role", "app", "alice{", "}", hours(1))};
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
}

TEST_F(TokenCacheTest, GivesATokenWhileEnoughOfItsLifeIsLeftAndNeverLess) {
  EXPECT_EQ(LeastLeft(hours(1)), minutes(16));
  EXPECT_EQ(LeastLeft(minutes(15)), minutes(10));
  Ask(alice_);
  Mint("STS.A");

  Pass(minutes(44));
  Ask(alice_);
  EXPECT_EQ(LastId(), "STS.A");
  Pass(seconds(1));
  const size_t answered = got_.size();
  Ask(alice_);

  EXPECT_EQ(got_.size(), answered);  // waits for a new one
}

TEST_F(TokenCacheTest, IsRenewedAheadBehindTheCallersBackWhenItIsAskedForNearTheEnd) {
  Ask(alice_);
  Mint("STS.A");
  Pass(minutes(29));
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 1u);  // not before the last third of 44 minutes

  Pass(minutes(14));
  Ask(alice_);
  Ask(alice_);

  EXPECT_EQ(LastId(), "STS.A");
  ASSERT_EQ(sts_.asked().size(), 2u);
  EXPECT_EQ(sts_.asked()[1].request.urgency, Urgency::kAhead);
  Mint("STS.B");
  Ask(alice_);
  EXPECT_EQ(LastId(), "STS.B");
  EXPECT_EQ(got_.back().how, TokenAnswer::kHit);
}

TEST_F(TokenCacheTest, ATokenThatNobodyAsksForIsNotRenewed) {
  Ask(alice_);
  Mint("STS.A");
  for (int i = 0; i < 60; ++i) Pass(minutes(1));
  EXPECT_EQ(sts_.asked().size(), 1u);
  EXPECT_EQ(timers_.waiting(), 0u);
}

TEST_F(TokenCacheTest, ARenewalThatIsRefusedIsTriedAgainNotMoreThanEveryTenSeconds) {
  Ask(alice_);
  Mint("STS.A");
  Pass(minutes(43));
  Ask(alice_);
  sts_.Answer(Fail(absl::StatusCode::kResourceExhausted, "STS_BUDGET_SPENT", "not now"));
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 2u);
  Pass(seconds(11));
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 3u);
  EXPECT_EQ(LastId(), "STS.A");
}

TEST_F(TokenCacheTest, WhoJoinsARenewalThatIsRefusedIsAskedForInEarnest) {
  Ask(alice_);
  Mint("STS.A");
  Pass(minutes(43));
  Ask(alice_);
  Pass(minutes(2));  // now nothing can be given without STS
  Ask(alice_);
  ASSERT_EQ(sts_.asked().size(), 2u);

  sts_.Answer(Fail(absl::StatusCode::kResourceExhausted, "STS_BUDGET_SPENT", "not now"));

  ASSERT_EQ(sts_.asked().size(), 3u);
  EXPECT_EQ(sts_.asked()[2].request.urgency, Urgency::kCaller);
  Mint("STS.B");
  EXPECT_EQ(LastId(), "STS.B");
}

TEST_F(TokenCacheTest, SixtyFourCallersAtTheMomentOfExpiryCauseOneAssumeRole) {
  Ask(alice_);
  Mint("STS.A");
  Pass(hours(1));
  for (int i = 0; i < 64; ++i) Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 2u);
  Mint("STS.B");
  EXPECT_EQ(got_.size(), 65u);
  EXPECT_EQ(LastId(), "STS.B");
}

TEST_F(TokenCacheTest, EachLeavesAtItsOwnDeadlineAndTheOthersGoOn) {
  Ask(alice_, seconds(1));
  Ask(alice_, seconds(30));
  timers_.Advance(milliseconds(899));
  EXPECT_TRUE(got_.empty());

  timers_.Advance(milliseconds(1));

  ASSERT_EQ(got_.size(), 1u);
  EXPECT_THAT(got_[0].token, FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_TRUE(RetryDelay(got_[0].token.status()));
  Mint("STS.A");
  ASSERT_EQ(got_.size(), 2u);
  EXPECT_EQ(LastId(), "STS.A");
}

TEST_F(TokenCacheTest, ACancelIsForOneAloneAndTheFirstOnesDoesNotFailTheOthers) {
  CancelSource first;
  Ask(alice_, seconds(10), first.token());
  Ask(alice_);

  first.Cancel();

  ASSERT_EQ(got_.size(), 1u);
  EXPECT_THAT(got_[0].token, FailsWith(absl::StatusCode::kCancelled, "CALL_CANCELLED"));
  EXPECT_FALSE(sts_.asked()[0].cancel.cancelled());
  Mint("STS.A");
  EXPECT_EQ(LastId(), "STS.A");
  EXPECT_EQ(got_.size(), 2u);
}

TEST_F(TokenCacheTest, ACancelAfterTheAnswerOrTheEndOfTheCacheDoesNothing) {
  CancelSource late;
  {
    TokenCache cache(sts_, clock_, timers_, metrics_, load_, seconds(5), 16 << 20);
    cache.Get(OrderOf("bob"), Deadline(timers_.Now() + seconds(10)), late.token(),
              [this](auto token, auto how) {
                got_.push_back({std::move(token), how});
              });
    Mint("STS.B");
  }
  late.Cancel();
  EXPECT_EQ(got_.size(), 1u);
}

TEST_F(TokenCacheTest, ARefusalIsBelievedForFiveSecondsByThatCallerAlone) {
  Ask(alice_);
  sts_.Answer(Fail(absl::StatusCode::kFailedPrecondition, "STS_REFUSED", "InvalidParameter"));
  Ask(alice_);
  EXPECT_EQ(got_.back().how, TokenAnswer::kNegative);
  EXPECT_THAT(got_.back().token, FailsWith(absl::StatusCode::kFailedPrecondition, "STS_REFUSED"));
  EXPECT_EQ(sts_.asked().size(), 1u);
  Ask(OrderOf("bob"));
  EXPECT_EQ(sts_.asked().size(), 2u);
  Mint("STS.B");
  Pass(seconds(5));
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 3u);
}

TEST_F(TokenCacheTest, ARoleThatIsWrongIsNotAskedAboutForEachCaller) {
  Ask(alice_);
  sts_.Answer(RoleMissing());

  Ask(OrderOf("bob"));
  Ask(OrderOf("carol", hours(1), "acs:ram::1:role/other"));

  EXPECT_THAT(got_[1].token, FailsWith(absl::StatusCode::kFailedPrecondition, "ROLE_NOT_FOUND"));
  EXPECT_EQ(sts_.asked().size(), 2u);
  EXPECT_EQ(sts_.asked()[1].request.role_arn, "acs:ram::1:role/other");
}

TEST_F(TokenCacheTest, TroubleIsBelievedForHalfASecond) {
  Ask(alice_);
  sts_.Answer(Unreachable());
  Ask(alice_);
  EXPECT_EQ(got_.back().how, TokenAnswer::kNegative);
  timers_.Advance(milliseconds(500));
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 2u);
}

TEST_F(TokenCacheTest, TheBudgetsAnswerIsNotRememberedSinceItKeepsThePlaces) {
  Ask(alice_);
  sts_.Answer(Fail(absl::StatusCode::kResourceExhausted, "STS_BUDGET_SPENT", "later"));
  Ask(alice_);
  EXPECT_EQ(sts_.asked().size(), 2u);
}

TEST_F(TokenCacheTest, WhileStsIsInTroubleATokenWithFiveMinutesLeftStillServes) {
  Ask(alice_);
  Mint("STS.A");
  Pass(minutes(50));
  Ask(alice_);
  sts_.Answer(Throttled());
  EXPECT_EQ(LastId(), "STS.A");
  EXPECT_EQ(got_.back().how, TokenAnswer::kStale);
  Ask(alice_);  // remembered: no wait
  EXPECT_EQ(got_.size(), 3u);
  EXPECT_EQ(LastId(), "STS.A");

  Pass(minutes(5) + seconds(1));
  Ask(alice_);
  sts_.Answer(Unreachable());

  EXPECT_THAT(got_.back().token, FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
}

TEST_F(TokenCacheTest, ARefusalIsNotCoveredByAnOlderToken) {
  Ask(alice_);
  Mint("STS.A");
  Pass(minutes(50));
  Ask(alice_);
  sts_.Answer(RoleMissing());
  EXPECT_THAT(got_.back().token, FailsWith(absl::StatusCode::kFailedPrecondition, "ROLE_NOT_FOUND"));
}

TEST_F(TokenCacheTest, WhatCannotBeRecordedIsDropped) {
  auto order = OrderOf("bob");
  int recorded = 0;
  order->record = [&](const MintedToken& minted) -> absl::Status {
    EXPECT_EQ(minted.credentials.access_key_id, "STS.B");
    ++recorded;
    return Fail(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE", "full");
  };
  Ask(order);
  Ask(order);

  Mint("STS.B");

  EXPECT_EQ(recorded, 1);
  for (const Got& got : got_)
    EXPECT_THAT(got.token, FailsWith(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE"));
  EXPECT_EQ(cache_.size(), 0u);
}

TEST_F(TokenCacheTest, StaysWithinItsBoundForManySubjects) {
  TokenCache small(sts_, clock_, timers_, metrics_, load_, seconds(5), 1 << 20);
  for (int i = 0; i < 5000; ++i) {
    small.Get(OrderOf("subject" + std::to_string(i)), Deadline(timers_.Now() + seconds(10)), {},
              [](auto, auto) {});
    Mint("STS.A");
    ASSERT_LE(small.bytes(), 1u << 20);
  }
  EXPECT_GT(small.size(), 500u);
}

}  // namespace
}  // namespace sluice::broker
