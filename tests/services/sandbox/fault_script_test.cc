// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/fault_script.h"

#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Outcome = FaultDecision::Outcome;

class FaultScriptTest : public ::testing::Test {
 protected:
  // Serves a call whose answer says what was decided; the answers go to `answers_`.
  void Call(const std::string& service = "sts") {
    script_.Serve(
        service, "AssumeRole",
        [](const FaultDecision& decision) {
          return http::Answer{200 + static_cast<int>(decision.outcome), {}, "", nullptr};
        },
        [this](const http::Answer& answer) { answers_.push_back(answer.status - 200); });
  }
  static int Code(Outcome outcome) { return static_cast<int>(outcome); }

  sluice::testing::FakeTimers timers_;
  sluice::testing::FakeLog log_;
  FaultScript script_{timers_, log_};
  std::vector<int> answers_;
  const int served_ = Code(Outcome::kServe);
};

TEST_F(FaultScriptTest, WithoutAnOrderACallIsServedAtOnce) {
  Call();
  EXPECT_THAT(answers_, ElementsAre(served_));
  EXPECT_EQ(timers_.waiting(), 0u);
}

TEST_F(FaultScriptTest, LatencyDelaysTheAnswerOfItsServiceAlone) {
  ASSERT_THAT(script_.Arm("service=sts&kind=latency&value=20ms"), IsOk());
  Call();
  Call("metadata");
  EXPECT_EQ(answers_.size(), 1u);
  timers_.Advance(milliseconds(19));
  EXPECT_EQ(answers_.size(), 1u);
  timers_.Advance(milliseconds(1));
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(FaultScriptTest, LatencyAndThrottleGoTogether) {
  ASSERT_THAT(script_.Arm("service=sts&kind=throttle&value=1"), IsOk());
  ASSERT_THAT(script_.Arm("service=sts&kind=latency&value=20ms"), IsOk());
  Call();
  Call();
  EXPECT_THAT(answers_, IsEmpty());
  timers_.Advance(milliseconds(20));
  EXPECT_THAT(answers_, ElementsAre(served_, Code(Outcome::kThrottle)));
}

TEST_F(FaultScriptTest, AStallHoldsUntilItIsCleared) {
  ASSERT_THAT(script_.Arm("service=sts&kind=stall&count=1"), IsOk());
  Call();
  timers_.Advance(std::chrono::hours(1));
  EXPECT_THAT(answers_, IsEmpty());
  Call();  // the order is spent
  EXPECT_THAT(answers_, ElementsAre(served_));
  EXPECT_EQ(script_.Clear("metadata"), 0u);
  EXPECT_EQ(answers_.size(), 1u);

  EXPECT_EQ(script_.Clear("sts", FaultKind::kStall), 1u);

  EXPECT_THAT(answers_, ElementsAre(served_, served_));
  log_.Await("fault", 1);
}

TEST_F(FaultScriptTest, AStallEndsWithItsTime) {
  ASSERT_THAT(script_.Arm("service=sts&kind=stall&for=10s"), IsOk());
  Call();
  timers_.Advance(std::chrono::seconds(9));
  EXPECT_THAT(answers_, IsEmpty());
  timers_.Advance(std::chrono::seconds(1));
  EXPECT_THAT(answers_, ElementsAre(served_));
}

TEST_F(FaultScriptTest, AStallArmedAgainHoldsByItsNewTime) {
  ASSERT_THAT(script_.Arm("service=sts&kind=stall&for=10s"), IsOk());
  Call();
  timers_.Advance(std::chrono::seconds(5));
  ASSERT_THAT(script_.Arm("service=sts&kind=stall&for=10s"), IsOk());
  timers_.Advance(std::chrono::seconds(9));
  EXPECT_THAT(answers_, IsEmpty());
  timers_.Advance(std::chrono::seconds(1));
  EXPECT_THAT(answers_, ElementsAre(served_));
}

TEST_F(FaultScriptTest, WhatIsHeldWhenItStopsIsReset) {
  ASSERT_THAT(script_.Arm("service=sts&kind=stall"), IsOk());
  Call();
  script_.Stop();
  Call();
  EXPECT_THAT(answers_, ElementsAre(Code(Outcome::kReset), Code(Outcome::kReset)));
}

TEST_F(FaultScriptTest, AnAlarmThatOutlivesTheScriptDoesNothing) {
  auto script = std::make_unique<FaultScript>(timers_, log_);
  ASSERT_THAT(script->Arm("service=sts&kind=stall&for=10s"), IsOk());
  script.reset();
  timers_.Advance(std::chrono::seconds(10));
}

TEST_F(FaultScriptTest, TheListSaysWhatIsArmedAndHowOftenItStruck) {
  ASSERT_THAT(script_.Arm("service=sts&kind=error&value=500&count=1"), IsOk());
  ASSERT_THAT(script_.Arm("service=sts&kind=error&value=503&count=2"), IsOk());  // takes its place
  ASSERT_THAT(script_.Arm("service=metadata&kind=v1-off"), IsOk());
  Call();
  Call();
  Call();
  EXPECT_THAT(answers_, ElementsAre(Code(Outcome::kError), Code(Outcome::kError), served_));

  const auto lines = script_.List();

  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].order.kind, FaultKind::kV1Off);
  EXPECT_TRUE(lines[0].armed);
  EXPECT_EQ(lines[1].order.status, 503);
  EXPECT_EQ(lines[1].struck, 2u);
  EXPECT_FALSE(lines[1].armed);
  EXPECT_EQ(script_.Clear(), 2u);
  EXPECT_THAT(script_.List(), IsEmpty());
}

TEST_F(FaultScriptTest, TextThatIsNoOrderIsRefused) {
  for (const char* text : {"", "%zz", "service=sts&kind=reset&value=1"}) {
    EXPECT_THAT(script_.Arm(text), FailsWith(absl::StatusCode::kInvalidArgument, "FAULT_INVALID")) << text;
  }
  EXPECT_THAT(script_.List(), IsEmpty());
}

}  // namespace
}  // namespace sluice::sandbox
