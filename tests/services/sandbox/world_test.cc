// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/world.h"

#include "gtest/gtest.h"
#include "services/sandbox/instance_session.h"
#include "services/sandbox/recent_nonces.h"
#include "tests/support/fake_clock.h"

namespace sluice::sandbox {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(RecentNoncesTest, ANonceIsGoodOnceInHalfAnHour) {
  RecentNonces nonces;
  const Time start(hours(1));
  EXPECT_TRUE(nonces.Take("a", start));
  EXPECT_FALSE(nonces.Take("a", start + minutes(30)));
  EXPECT_TRUE(nonces.Take("a", start + minutes(31)));
}

TEST(RecentNoncesTest, AClockThatWentBackForgetsNothing) {
  RecentNonces nonces;
  const Time start(hours(1));
  EXPECT_TRUE(nonces.Take("late", start + minutes(20)));
  EXPECT_TRUE(nonces.Take("early", start));
  EXPECT_FALSE(nonces.Take("early", start + minutes(29)));
  EXPECT_FALSE(nonces.Take("late", start + minutes(29)));
}

TEST(RecentNoncesTest, HalfAnHourOfLoadIsKeptAndNoMore) {
  RecentNonces nonces;
  Time now(hours(1));
  for (int second = 0; second < 3600; ++second) {
    now += seconds(1);
    for (int call = 0; call < 50; ++call)
      ASSERT_TRUE(nonces.Take(std::to_string(second) + "." + std::to_string(call), now));
  }
  EXPECT_EQ(nonces.size(), 50u * 1801);
}

TEST(WorldTest, SessionsAreForgottenADayAfterTheirEndInTheOrderOfTheirEnds) {
  const auto world = World::Default();
  const Role& role = *world->FindRole("sluice-uploader");
  const Time start(hours(1));
  const auto longer = world->IssueSession(role, "longer", std::nullopt, start, hours(1));
  const auto shorter = world->IssueSession(role, "shorter", std::nullopt, start, minutes(15));

  world->IssueSession(role, "next", std::nullopt, start + hours(24) + minutes(16), hours(1));

  EXPECT_EQ(world->FindKey(shorter->access_key_id), nullptr);
  EXPECT_NE(world->FindKey(longer->access_key_id), nullptr);
  world->IssueSession(role, "last", std::nullopt, start + hours(25) + minutes(1), hours(1));
  EXPECT_EQ(world->FindKey(longer->access_key_id), nullptr);
  EXPECT_NE(world->FindKey("SANDBOXBROKERKEYID00"), nullptr);
}

TEST(WorldTest, SessionsShareTheirRolesPolicy) {
  const auto world = World::Default();
  const Role& role = *world->FindRole("sluice-uploader");
  const auto session = world->IssueSession(role, "a", std::nullopt, Time(hours(1)), hours(1));
  EXPECT_EQ(session->identity_policy, role.policy);
  EXPECT_EQ(session->trusted_as, "acs:ram::1000000000000001:role/sluice-uploader");
}

TEST(WorldTest, ManySessionsAreIssuedWithoutLookingAtEach) {
  const auto world = World::Default();
  const Role& role = *world->FindRole("sluice-uploader");
  Time now(hours(1));
  // Quadratic, and far slower, where a session costs a look at all the others.
  for (int i = 0; i < 30000; ++i)
    world->IssueSession(role, "s", std::nullopt, now += std::chrono::milliseconds(5), hours(1));
  const auto last = world->IssueSession(role, "s", std::nullopt, now, hours(1));
  EXPECT_EQ(world->FindKey(last->access_key_id), last);
}

TEST(InstanceSessionTest, IsTheSameForAllUntilHalfOfItsLifeIsOver) {
  const auto world = World::Default();
  InstanceSession instance(*world);
  const Time start(hours(10));
  const auto first = instance.Get(start);
  EXPECT_EQ(*first.session->expires, start + hours(1));
  EXPECT_EQ(instance.Get(start + minutes(29)).session, first.session);
  const auto second = instance.Get(start + minutes(30));
  EXPECT_NE(second.session, first.session);
  EXPECT_EQ(second.updated, start + minutes(30));
  EXPECT_NE(instance.Get(start).session, second.session);  // the clock was set back
}

}  // namespace
}  // namespace sluice::sandbox
