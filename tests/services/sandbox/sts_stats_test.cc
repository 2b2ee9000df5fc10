// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_stats.h"

#include "gtest/gtest.h"
#include "tests/support/fake_timers.h"

namespace sluice::sandbox {
namespace {

using std::chrono::milliseconds;

class StsStatsTest : public ::testing::Test {
 protected:
  void Call(const std::string& action, const std::string& code) {
    stats_.Received(action);
    stats_.Answered(action, code, timers_.Now());
  }
  sluice::testing::FakeTimers timers_;
  StsStats stats_{timers_};
};

TEST_F(StsStatsTest, CountsByActionAndCode) {
  Call("AssumeRole", "OK");
  Call("AssumeRole", "OK");
  Call("AssumeRole", "Throttling.User");
  Call("AssumeRoleWithOIDC", "OK");
  Call("GetCallerIdentity", "OK");
  stats_.Received("AssumeRole");  // held by a stall

  const auto counts = stats_.Read();

  EXPECT_EQ(counts.received.at("AssumeRole"), 4u);
  EXPECT_EQ(counts.Answered("AssumeRole", "OK"), 2u);
  EXPECT_EQ(counts.Answered("AssumeRole", "Throttling.User"), 1u);
  EXPECT_EQ(counts.Answered("AssumeRole", "NoPermission"), 0u);
  EXPECT_EQ(counts.Answered("other", "OK"), 0u);
  EXPECT_EQ(counts.sessions_issued, 3u);
  EXPECT_EQ(counts.most_received_in_a_second, 4u);
  EXPECT_EQ(counts.most_accepted_in_a_second, 2u);
}

TEST_F(StsStatsTest, TheBusiestSecondMayBeginAnywhere) {
  for (int i = 0; i < 10; ++i) Call("AssumeRole", "OK");
  timers_.Advance(milliseconds(900));
  for (int i = 0; i < 5; ++i) Call("AssumeRole", "OK");
  timers_.Advance(milliseconds(100));  // the first ten are a second ago
  for (int i = 0; i < 9; ++i) Call("AssumeRole", "NoPermission");

  const auto counts = stats_.Read();

  EXPECT_EQ(counts.most_received_in_a_second, 15u);
  EXPECT_EQ(counts.most_accepted_in_a_second, 15u);
  timers_.Advance(milliseconds(1));
  for (int i = 0; i < 2; ++i) Call("AssumeRole", "NoPermission");
  EXPECT_EQ(stats_.Read().most_received_in_a_second, 16u);
}

TEST_F(StsStatsTest, ResetBeginsAnew) {
  Call("AssumeRole", "OK");
  stats_.Reset();
  EXPECT_TRUE(stats_.Read().received.empty());
  Call("AssumeRole", "OK");
  EXPECT_EQ(stats_.Read().most_accepted_in_a_second, 1u);
  EXPECT_EQ(boost::json::serialize(ToJson(stats_.Read())),
            R"({"received":{"AssumeRole":1},"answered":{"AssumeRole":{"OK":1}},"sessions_issued":1,)"
            R"("assume_role_most_per_second":{"received":1,"accepted":1}})");
}

}  // namespace
}  // namespace sluice::sandbox
