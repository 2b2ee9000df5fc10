// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/sts_stack.h"

#include <algorithm>
#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::milliseconds;
using std::chrono::seconds;

enum class Mood { kUp, kRefusesConnections, kSilent, kThrottles };

// One endpoint in virtual time.
class Endpoint final : public Sts {
 public:
  Endpoint(const Mood& mood, sluice::testing::FakeTimers& timers, std::vector<Timers::SteadyTime>& calls)
      : mood_(mood), timers_(timers), calls_(calls) {}
  void AssumeRole(AssumeRoleRequest, Deadline deadline, CancelToken, Done done) override {
    calls_.push_back(timers_.Now());
    auto at = timers_.Now() + milliseconds(20);
    absl::StatusOr<aliyun::Credentials> answer = aliyun::Credentials{};
    if (mood_ == Mood::kRefusesConnections || mood_ == Mood::kSilent)
      answer = Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "x").RetryAfter(seconds(1));
    if (mood_ == Mood::kThrottles)
      answer = Fail(absl::StatusCode::kResourceExhausted, "STS_THROTTLED", "x").RetryAfter(seconds(1));
    if (mood_ == Mood::kRefusesConnections) return done(std::move(answer));
    if (mood_ == Mood::kSilent) at = deadline.at();
    timers_.At(at,
               [done = std::move(done), answer = std::move(answer)]() mutable { done(std::move(answer)); });
  }

 private:
  const Mood& mood_;
  sluice::testing::FakeTimers& timers_;
  std::vector<Timers::SteadyTime>& calls_;
};

class StsStackTest : public ::testing::Test {
 protected:
  StsStack Make(size_t endpoints, uint32_t share = 100) {
    std::vector<StsStack::Wire> wires;
    for (size_t i = 0; i < endpoints; ++i) {
      const std::string address = "https://" + std::to_string(i);
      wires.push_back({address, std::make_unique<Endpoint>(moods_[i], timers_, calls_[i])});
    }
    return {std::move(wires), share, timers_,
            [this] { return jitter_ = jitter_ > 0.8 ? 0.1 : jitter_ + 0.17; }};
  }
  // One caller every so often, each with five seconds; `answered` sees each answer.
  void Callers(Sts& sts, milliseconds for_how_long, milliseconds pause) {
    for (const auto end = timers_.Now() + for_how_long; timers_.Now() < end; timers_.Advance(pause)) {
      ++asked_;
      AssumeRoleRequest request;
      request.turn = std::to_string(asked_);
      sts.AssumeRole(std::move(request), Deadline(timers_.Now() + seconds(5)), {},
                     [this, began = timers_.Now()](absl::StatusOr<aliyun::Credentials> answer) {
                       ++answers_[answer.ok() ? "OK" : Reason(answer.status())];
                       if (answer.ok()) last_ok_ = timers_.Now();
                       if (answer.ok() && !first_ok_) first_ok_ = timers_.Now();
                       slowest_ = std::max(slowest_, timers_.Now() - began);
                     });
    }
  }
  void Forget() {
    answers_.clear();
    for (auto& calls : calls_) calls.clear();
    first_ok_.reset();
    slowest_ = {};
    asked_ = 0;
  }
  size_t MostInASecond() const {
    std::vector<Timers::SteadyTime> all;
    for (const auto& calls : calls_) all.insert(all.end(), calls.begin(), calls.end());
    std::sort(all.begin(), all.end());
    std::deque<Timers::SteadyTime> lately;
    size_t most = 0;
    for (const auto at : all) {
      lately.push_back(at);
      while (lately.front() <= at - seconds(1)) lately.pop_front();
      most = std::max(most, lately.size());
    }
    return most;
  }

  sluice::testing::FakeTimers timers_;
  Mood moods_[3] = {Mood::kUp, Mood::kUp, Mood::kUp};
  std::vector<Timers::SteadyTime> calls_[3];
  std::atomic<double> jitter_ = 0;
  int asked_ = 0;
  std::map<std::string, int> answers_;
  std::optional<Timers::SteadyTime> first_ok_;
  Timers::SteadyTime last_ok_{};
  Timers::SteadyTime::duration slowest_{};
};

TEST_F(StsStackTest, ADeadFirstEndpointCostsNobodyAnError) {
  StsStack stack = Make(3);
  for (const Mood mood : {Mood::kRefusesConnections, Mood::kSilent}) {
    Forget();
    moods_[0] = mood;
    Callers(stack.top(), seconds(20), milliseconds(25));
    timers_.Advance(seconds(10));
    EXPECT_EQ(answers_["OK"], asked_);
    EXPECT_LE(slowest_, seconds(3));
    EXPECT_LE(MostInASecond(), 100u);
    EXPECT_EQ(stack.Health()[0].open, true);
    EXPECT_EQ(stack.Health()[0].last_error, "STS_UNREACHABLE");
    EXPECT_EQ(stack.Health()[1].open, false);
    EXPECT_EQ(calls_[2].size(), 0u);
    moods_[0] = Mood::kUp;
    Callers(stack.top(), seconds(2), milliseconds(25));
    EXPECT_FALSE(stack.Health()[0].open);
    timers_.Advance(seconds(10));
  }
}

TEST_F(StsStackTest, WhileStsIsDownEachEndpointSeesAboutOneProbeASecond) {
  for (const size_t endpoints : {1u, 2u}) {
    for (const Mood mood : {Mood::kRefusesConnections, Mood::kSilent}) {
      StsStack stack = Make(endpoints);
      Callers(stack.top(), seconds(2), milliseconds(5));
      moods_[0] = moods_[1] = mood;
      Callers(stack.top(), seconds(10), milliseconds(5));
      Forget();
      Callers(stack.top(), seconds(20), milliseconds(5));
      for (size_t i = 0; i < endpoints; ++i) EXPECT_LE(calls_[i].size(), 24u) << i;
      EXPECT_EQ(answers_["OK"], 0);
      // Back within two seconds of its return, and nobody stampedes.
      Forget();
      moods_[0] = moods_[1] = Mood::kUp;
      const auto returned = timers_.Now();
      Callers(stack.top(), seconds(3), milliseconds(15));
      ASSERT_TRUE(first_ok_.has_value());
      EXPECT_LE(*first_ok_ - returned, seconds(2));
      EXPECT_LE(MostInASecond(), 100u);
      timers_.Advance(seconds(120));
      Forget();
    }
  }
}

TEST_F(StsStackTest, AllDownIsToldWithinTheDeadlineAndAtOnceWhenThereIsLittle) {
  StsStack stack = Make(2);
  moods_[0] = moods_[1] = Mood::kRefusesConnections;
  Callers(stack.top(), seconds(5), milliseconds(10));
  timers_.Advance(seconds(10));
  EXPECT_EQ(answers_["STS_UNREACHABLE"], asked_);
  EXPECT_LE(slowest_, seconds(5));
  absl::StatusOr<aliyun::Credentials> told = absl::UnknownError("not yet");
  stack.top().AssumeRole({}, Deadline(timers_.Now() + milliseconds(300)), {},
                         [&](auto answer) { told = std::move(answer); });
  EXPECT_THAT(told, FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_LE(*RetryDelay(told.status()), seconds(1));
}

TEST_F(StsStackTest, AnAccountThatThrottlesIsAskedLessAndServedAfterwards) {
  StsStack stack = Make(1);
  moods_[0] = Mood::kThrottles;
  Callers(stack.top(), seconds(5), milliseconds(10));
  const size_t calls_before = calls_[0].size();
  Callers(stack.top(), seconds(5), milliseconds(10));
  EXPECT_LE(calls_[0].size() - calls_before, 5u * 10 + 10);  // a tenth of the share
  EXPECT_FALSE(stack.Health()[0].open);
  moods_[0] = Mood::kUp;
  timers_.Advance(seconds(80));  // those told are gone
  Forget();
  Callers(stack.top(), seconds(5), milliseconds(20));
  timers_.Advance(seconds(5));
  EXPECT_EQ(answers_["OK"], asked_);
}

TEST_F(StsStackTest, OnlyOneEndpointLeavesTimeForAnotherTry) {
  StsStack stack = Make(1);
  moods_[0] = Mood::kSilent;
  absl::StatusOr<aliyun::Credentials> got = absl::UnknownError("not yet");
  stack.top().AssumeRole({}, Deadline(timers_.Now() + seconds(5)), {},
                         [&](auto answer) { got = std::move(answer); });
  timers_.Advance(milliseconds(3000));
  moods_[0] = Mood::kUp;
  timers_.Advance(milliseconds(1400));
  EXPECT_THAT(got, IsOk());
}

}  // namespace
}  // namespace sluice::broker
