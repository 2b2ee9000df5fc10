// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/sts_budget.h"

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Between two calls at a share of ten.
constexpr milliseconds kTurn{105};

class StsBudgetTest : public ::testing::Test {
 protected:
  using Answer = absl::StatusOr<StsBudget::SteadyTime>;

  Deadline In(milliseconds span) const { return Deadline(timers_.Now() + span); }
  // The place of the answer, which is there at once or later.
  std::shared_ptr<std::optional<Answer>> Ask(StsBudget& budget, std::string turn,
                                             Urgency urgency = Urgency::kCaller,
                                             milliseconds deadline = seconds(5), CancelToken cancel = {}) {
    auto out = std::make_shared<std::optional<Answer>>();
    budget.Admit(urgency, std::move(turn), In(deadline), std::move(cancel), [out](Answer answer) {
      ASSERT_FALSE(out->has_value()) << "answered twice";
      *out = std::move(answer);
    });
    return out;
  }
  static absl::Status Now(const std::shared_ptr<std::optional<Answer>>& answer) {
    return answer->has_value() ? (*answer)->status() : absl::UnknownError("still waits");
  }
  static bool Admitted(const std::shared_ptr<std::optional<Answer>>& answer) { return Now(answer).ok(); }
  // Takes whatever can be taken now.
  void Drain(StsBudget& budget) {
    while (budget.left() > 0) ASSERT_THAT(**Ask(budget, ""), IsOk());
  }
  // Lets so many wait inside, admitted in order.
  std::vector<std::shared_ptr<std::optional<Answer>>> FillTheRoom(StsBudget& budget) {
    std::vector<std::shared_ptr<std::optional<Answer>>> out;
    for (;;) {
      out.push_back(Ask(budget, "", Urgency::kCaller, seconds(20)));
      if (!out.back()->has_value()) continue;
      if ((*out.back())->ok()) continue;
      out.pop_back();
      return out;
    }
  }
  static milliseconds Delay(const std::optional<Answer>& answer) {
    return RetryDelay(answer->status()).value();
  }
  sluice::testing::FakeTimers timers_;
  const Jitter jitter_ = [] { return 0.5; };
};

#define EXPECT_ADMITTED(answer) EXPECT_TRUE(Admitted(answer))
#define EXPECT_WAITING(answer) EXPECT_FALSE((answer)->has_value())
#define EXPECT_SPENT(answer) \
  EXPECT_THAT(Now(answer), FailsWith(StatusCode::kResourceExhausted, "STS_BUDGET_SPENT"))

TEST_F(StsBudgetTest, WhoseTurnComesSoonWaitsInside) {
  StsBudget budget(10, timers_, jitter_);
  EXPECT_ADMITTED(Ask(budget, "a"));
  const auto second = Ask(budget, "b");
  EXPECT_WAITING(second);
  EXPECT_EQ(budget.waiting(), 1u);
  timers_.Advance(kTurn - milliseconds(1));
  EXPECT_WAITING(second);
  timers_.Advance(milliseconds(1));
  EXPECT_ADMITTED(second);
  EXPECT_EQ(budget.waiting(), 0u);
  EXPECT_EQ(timers_.waiting(), 0u);
}

TEST_F(StsBudgetTest, TheOthersAreToldWhenAndKeepTheirPlace) {
  StsBudget budget(10, timers_, jitter_);
  const auto room = FillTheRoom(budget);  // the calls of two seconds
  const auto told = Ask(budget, "told");
  EXPECT_SPENT(told);
  EXPECT_EQ(Delay(*told), milliseconds(2100));
  const auto later = Ask(budget, "later");
  EXPECT_EQ(Delay(*later), milliseconds(2205));
  EXPECT_EQ(budget.promised(), 2u);
  // Asked twice is one place, and early is no new one.
  timers_.Advance(milliseconds(50));
  EXPECT_EQ(Delay(*Ask(budget, "told", Urgency::kCaller, seconds(1))), milliseconds(2050));
  EXPECT_EQ(Delay(*Ask(budget, "later")), milliseconds(2155));
  EXPECT_EQ(budget.promised(), 2u);
  timers_.Advance(milliseconds(2050));
  for (const auto& one : room) EXPECT_ADMITTED(one);
  EXPECT_ADMITTED(Ask(budget, "told"));
  // Comes later, but stands before who is newer.
  const auto newcomer = Ask(budget, "");
  const auto back = Ask(budget, "later");
  timers_.Advance(kTurn);
  EXPECT_ADMITTED(back);
  EXPECT_WAITING(newcomer);
  timers_.Advance(kTurn);
  EXPECT_ADMITTED(newcomer);
}

TEST_F(StsBudgetTest, AnEarlyOneWhoseTimeIsNearWaitsInsideOnItsPlace) {
  StsBudget budget(10, timers_, jitter_);
  FillTheRoom(budget);
  ASSERT_EQ(Delay(*Ask(budget, "a")), milliseconds(2100));
  timers_.Advance(milliseconds(1000));
  const auto back = Ask(budget, "a");
  EXPECT_WAITING(back);
  EXPECT_EQ(budget.promised(), 0u);
  timers_.Advance(milliseconds(1099));
  EXPECT_WAITING(back);
  timers_.Advance(milliseconds(1));
  EXPECT_ADMITTED(back);
}

TEST_F(StsBudgetTest, APlaceThatNobodyClaimsCostsNothing) {
  StsBudget budget(10, timers_, jitter_);
  FillTheRoom(budget);
  for (int i = 0; i < 20; ++i) EXPECT_SPENT(Ask(budget, "gone" + std::to_string(i)));
  timers_.Advance(milliseconds(2100));
  // All twenty are away, and there is a call: it goes to who is here.
  EXPECT_ADMITTED(Ask(budget, "new"));
  EXPECT_EQ(budget.promised(), 20u);
  timers_.Advance(seconds(8));
  EXPECT_EQ(budget.promised(), 0u);
  // Too late is as if never told.
  Drain(budget);
  FillTheRoom(budget);
  EXPECT_GT(Delay(*Ask(budget, "gone0")), milliseconds(2000));
}

TEST_F(StsBudgetTest, SessionsForManyGoFirst) {
  StsBudget budget(10, timers_, jitter_);
  const auto room = FillTheRoom(budget);
  const auto shared = Ask(budget, "", Urgency::kShared);
  EXPECT_WAITING(shared);
  timers_.Advance(kTurn);
  EXPECT_ADMITTED(shared);
  EXPECT_WAITING(room.at(1));
}

TEST_F(StsBudgetTest, RenewalAheadTakesOnlyPlentyAndNeverWaits) {
  StsBudget budget(200, timers_, jitter_);
  for (int i = 0; i < 6; ++i) EXPECT_ADMITTED(Ask(budget, "", Urgency::kAhead));
  const auto refused = Ask(budget, "", Urgency::kAhead);  // four of ten are left
  EXPECT_SPENT(refused);
  EXPECT_ADMITTED(Ask(budget, "caller"));
  const auto room = FillTheRoom(budget);
  ASSERT_TRUE(Ask(budget, "told")->has_value());
  timers_.Advance(seconds(3));
  EXPECT_GE(budget.left(), 5u);
  EXPECT_SPENT(Ask(budget, "", Urgency::kAhead));  // one is promised a turn
  EXPECT_ADMITTED(Ask(budget, "told"));
  EXPECT_ADMITTED(Ask(budget, "", Urgency::kAhead));
}

TEST_F(StsBudgetTest, WhoLeavesHoldsNobodyUp) {
  StsBudget budget(10, timers_, jitter_);
  Drain(budget);
  CancelSource cancel;
  const auto gone = Ask(budget, "gone", Urgency::kCaller, seconds(5), cancel.token());
  const auto next = Ask(budget, "next");
  cancel.Cancel();
  ASSERT_TRUE(gone->has_value());
  EXPECT_THAT(**gone, FailsWith(StatusCode::kCancelled, "CALL_CANCELLED"));
  EXPECT_EQ(timers_.waiting(), 2u);  // the next call, and the other's own leaving
  timers_.Advance(kTurn);
  EXPECT_ADMITTED(next);
  EXPECT_THAT(**Ask(budget, "", Urgency::kCaller, seconds(5), cancel.token()),
              FailsWith(StatusCode::kCancelled, "CALL_CANCELLED"));
}

TEST_F(StsBudgetTest, ACancelAfterTheAnswerOrTheEndDoesNothing) {
  CancelSource cancel;
  {
    StsBudget budget(10, timers_, jitter_);
    Drain(budget);
    const auto admitted = Ask(budget, "a", Urgency::kCaller, seconds(5), cancel.token());
    timers_.Advance(seconds(1));
    EXPECT_ADMITTED(admitted);
  }
  cancel.Cancel();
}

TEST_F(StsBudgetTest, AtItsDeadlineOneLeavesAndKeepsItsPlace) {
  StsBudget budget(10, timers_, jitter_);
  Drain(budget);
  std::vector<std::shared_ptr<std::optional<Answer>>> before;
  for (int i = 0; i < 5; ++i) before.push_back(Ask(budget, ""));
  const auto hasty = Ask(budget, "hasty", Urgency::kCaller, milliseconds(850));
  EXPECT_WAITING(hasty);
  for (int i = 0; i < 3; ++i) EXPECT_WAITING(Ask(budget, "", Urgency::kShared));
  timers_.Advance(milliseconds(650));  // 200 ms are for the call itself
  EXPECT_SPENT(hasty);
  EXPECT_EQ(budget.promised(), 1u);
  EXPECT_EQ(Delay(*hasty), 9 * kTurn - milliseconds(650));
  // No time left for its turn and the call: told at once.
  EXPECT_SPENT(Ask(budget, "x", Urgency::kCaller, milliseconds(250)));
}

TEST_F(StsBudgetTest, BeyondAMinuteNoPlaceIsKeptAndAMinuteIsTold) {
  StsBudget budget(2, timers_, jitter_);
  for (int i = 0; i < 500; ++i) Ask(budget, "turn" + std::to_string(i), Urgency::kCaller, seconds(1));
  EXPECT_LE(budget.promised(), 120u);
  const auto last = Ask(budget, "last");
  EXPECT_SPENT(last);
  EXPECT_EQ(Delay(*last), seconds(60) + milliseconds(7500));
  // A minute's worth is less at a slower pace.
  StsBudget slow(10, timers_, jitter_);
  for (int i = 0; i < 4; ++i) {
    timers_.Advance(milliseconds(1));
    slow.Throttled(timers_.Now());
  }
  for (int i = 0; i < 700; ++i) Ask(slow, "turn" + std::to_string(i), Urgency::kCaller, seconds(1));
  EXPECT_GT(slow.promised(), 500u);
  EXPECT_LT(slow.promised(), 570u);
}

TEST_F(StsBudgetTest, ThrottlingHalvesThePaceOnceForTheCallsOfATime) {
  StsBudget budget(100, timers_, jitter_);
  const Answer first = **Ask(budget, "");
  const Answer second = **Ask(budget, "");
  timers_.Advance(milliseconds(10));
  budget.Throttled(*first);
  budget.Throttled(*second);  // known already
  EXPECT_EQ(budget.left(), 0u);
  const auto one = Ask(budget, "");
  timers_.Advance(milliseconds(21));
  EXPECT_WAITING(one);
  timers_.Advance(milliseconds(1));  // 1 / 45.5 s
  ASSERT_TRUE(Admitted(one));
  budget.Throttled(***one);
  const auto two = Ask(budget, "");
  timers_.Advance(milliseconds(54));
  EXPECT_WAITING(two);
  timers_.Advance(milliseconds(1));  // 1 / 18.2 s
  EXPECT_ADMITTED(two);
  timers_.Advance(seconds(10));
  EXPECT_EQ(budget.left(), 5u);
}

TEST_F(StsBudgetTest, ANewShareServesWhoWaits) {
  StsBudget budget(2, timers_, jitter_);
  Drain(budget);
  const auto one = Ask(budget, "");
  const auto two = Ask(budget, "");
  timers_.Advance(milliseconds(500));
  budget.SetShare(10);
  timers_.Advance(milliseconds(200));
  EXPECT_ADMITTED(one);
  EXPECT_ADMITTED(two);
}

TEST_F(StsBudgetTest, AnswersMayAskAgain) {
  StsBudget budget(10, timers_, jitter_);
  Drain(budget);
  bool again = false;
  budget.Admit(Urgency::kCaller, "", In(seconds(5)), {}, [&](Answer) {
    EXPECT_EQ(budget.waiting(), 0u);
    budget.Admit(Urgency::kCaller, "", In(seconds(5)), {}, [&](Answer answer) { again = answer.ok(); });
  });
  timers_.Advance(2 * kTurn);
  EXPECT_TRUE(again);
}

// What callers who do as they are told see, in virtual time.
class Crowd {
 public:
  Crowd(StsBudget& budget, sluice::testing::FakeTimers& timers) : budget_(budget), timers_(timers) {}

  void Arrive(int caller) {
    budget_.Admit(Urgency::kCaller, "caller" + std::to_string(caller), Deadline(timers_.Now() + seconds(5)),
                  {}, [this, caller](absl::StatusOr<StsBudget::SteadyTime> answer) {
                    if (answer.ok()) return Served(caller);
                    if (Reason(answer.status()) != "STS_BUDGET_SPENT") ++other_errors;
                    ++refusals;
                    if (caller % gone_of == gone_of - 1) return;
                    // The way there and back differs from caller to caller.
                    const auto pause = *RetryDelay(answer.status()) + milliseconds(caller * 37 % 120);
                    timers_.After(pause, [this, caller] { Arrive(caller); });
                  });
  }

  int gone_of = 1 << 30;  // of so many, one that is refused never comes back
  int other_errors = 0;
  int refusals = 0;
  size_t most_in_a_second = 0;
  Timers::SteadyTime last{};
  std::set<int> served;

 private:
  void Served(int caller) {
    EXPECT_TRUE(served.insert(caller).second);
    const auto now = last = timers_.Now();
    lately_.push_back(now);
    while (lately_.front() <= now - seconds(1)) lately_.pop_front();
    most_in_a_second = std::max(most_in_a_second, lately_.size());
  }
  StsBudget& budget_;
  sluice::testing::FakeTimers& timers_;
  std::deque<Timers::SteadyTime> lately_;
};

TEST_F(StsBudgetTest, TwiceTheShareForHalfAMinuteIsServedWithinAMinuteAndAHalf) {
  StsBudget budget(100, timers_, jitter_);
  Crowd crowd(budget, timers_);
  const auto began = timers_.Now();
  int next = 0;
  for (; next < 200 * 30; ++next) {
    crowd.Arrive(next);
    timers_.Advance(milliseconds(5));
  }
  timers_.Advance(seconds(60));
  RecordProperty("seconds_until_all_were_served", static_cast<int>((crowd.last - began) / seconds(1)));
  RecordProperty("refusals", crowd.refusals);
  EXPECT_EQ(crowd.served.size(), 6000u);
  EXPECT_EQ(crowd.other_errors, 0);
  EXPECT_LE(crowd.most_in_a_second, 100u);
  EXPECT_LE(crowd.refusals, 6000);  // nobody is told twice, or hardly
  EXPECT_EQ(budget.promised(), 0u);
  EXPECT_EQ(budget.waiting(), 0u);
}

TEST_F(StsBudgetTest, HalfOfThoseToldNeverComingLeavesNoCallUnused) {
  StsBudget budget(100, timers_, jitter_);
  Crowd crowd(budget, timers_);
  crowd.gone_of = 2;
  for (int next = 0; next < 200 * 60; ++next) {
    crowd.Arrive(next);
    timers_.Advance(milliseconds(5));
  }
  EXPECT_GE(crowd.served.size(), 91u * 60 - 100);
  EXPECT_LE(crowd.most_in_a_second, 100u);
}

TEST_F(StsBudgetTest, ManyThreadsGetEachAnAnswer) {
  ThreadTimers timers;
  std::atomic<int> answers = 0;
  std::atomic<int> admitted = 0;
  {
    StsBudget budget(1000, timers, RandomJitter());
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (int i = 0; i < 200; ++i) {
          CancelSource cancel;
          budget.Admit(i % 5 == 0 ? Urgency::kShared : Urgency::kCaller, std::to_string(thread * 1000 + i),
                       Deadline::After(milliseconds(1000)), cancel.token(), [&](Answer answer) {
                         admitted += answer.ok() ? 1 : 0;
                         ++answers;
                       });
          if (i % 3 == 0) cancel.Cancel();
          if (i % 50 == 0) budget.Throttled(timers.Now());
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    while (answers < 800) std::this_thread::yield();
    EXPECT_EQ(budget.waiting(), 0u);
  }
  EXPECT_EQ(answers, 800);
  EXPECT_GT(admitted, 0);
}

}  // namespace
}  // namespace sluice::broker
