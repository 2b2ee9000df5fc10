// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/grants.h"

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using identity::Caller;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;

Grant Make(std::string name, std::vector<Who> who) {
  Grant grant{.prefix = PrefixTemplate::Parse("uploads/{subject}/").value()};
  grant.name = std::move(name);
  grant.who = std::move(who);
  return grant;
}

TEST(HoldsTest, EveryClaimMustMatchInOneEntry) {
  const Grant grant = Make("g", {{"app", {{"tenant", "acme"}, {"role", "editor"}}}, {"ops", {}}});

  EXPECT_TRUE(Holds(Caller{"app", "a", {{"tenant", "acme"}, {"role", "editor"}}}, grant));
  EXPECT_TRUE(Holds(Caller{"app", "a", {{"tenant", "acme"}, {"role", {"x", "editor"}}}}, grant));
  EXPECT_TRUE(Holds(Caller{"ops", "a", {}}, grant));
  EXPECT_FALSE(Holds(Caller{"app", "a", {{"tenant", "acme"}}}, grant));
  EXPECT_FALSE(Holds(Caller{"app", "a", {{"tenant", "acme2"}, {"role", "editor"}}}, grant));
  EXPECT_FALSE(Holds(Caller{"app", "a", {{"tenant", {{"acme", true}}}, {"role", "editor"}}}, grant));
  EXPECT_FALSE(Holds(Caller{"other", "a", {{"tenant", "acme"}, {"role", "editor"}}}, grant));
}

TEST(GrantsTest, TheOnlyOneNeedsNoName) {
  const Grants grants({Make("photos", {{"app", {}}}), Make("ops", {{"ops", {}}})});

  const auto chosen = grants.Choose(Caller{"app", "alice", {}}, "");
  ASSERT_THAT(chosen, IsOk());
  EXPECT_EQ((*chosen)->name, "photos");
}

TEST(GrantsTest, SeveralAreListedAndNoneIsGuessed) {
  const Grants grants({Make("photos", {{"app", {}}}), Make("films", {{"app", {}}})});
  const absl::Status status = grants.Choose(Caller{"app", "alice", {}}, "").status();

  EXPECT_THAT(status, FailsWith(absl::StatusCode::kFailedPrecondition, "GRANT_AMBIGUOUS"));
  EXPECT_EQ(Metadata(status).at("grants"), "photos,films");
  EXPECT_THAT(grants.Choose(Caller{"app", "alice", {}}, "films"), IsOk());
}

TEST(GrantsTest, AnothersGrantLooksLikeNone) {
  const Grants grants({Make("photos", {{"app", {}}}), Make("ops", {{"ops", {}}})});
  const Caller alice{"app", "alice", {}};
  const absl::Status others = grants.Choose(alice, "ops").status();

  EXPECT_THAT(others, FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  EXPECT_EQ(others, grants.Choose(alice, "nonesuch").status());
  EXPECT_THAT(grants.Choose(Caller{"nobody", "x", {}}, ""),
              FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
}

}  // namespace
}  // namespace sluice::broker
