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

TEST(HoldsTest, AKubernetesServiceAccountIsMatchedByItsNestedClaims) {
  const Grant grant = Make(
      "g", {{"k8s", {{"kubernetes.io/namespace", "prod"}, {"kubernetes.io/serviceaccount/name", "web"}}}});
  const boost::json::object claims{
      {"kubernetes.io", {{"namespace", "prod"}, {"serviceaccount", {{"name", "web"}, {"uid", "u"}}}}}};

  EXPECT_TRUE(Holds(Caller{"k8s", "system:serviceaccount:prod:web", claims}, grant));
  EXPECT_FALSE(Holds(Caller{"k8s", "s", {{"kubernetes.io", {{"namespace", "dev"}}}}}, grant));
  EXPECT_FALSE(Holds(Caller{"k8s", "s", {{"kubernetes.io", "namespace"}}}, grant));
  // A claim of that very name comes first, so that nobody's nesting can stand in for it.
  const Grant named = Make("n", {{"k8s", {{"https://acme/role", "editor"}}}});
  EXPECT_TRUE(Holds(Caller{"k8s", "s", {{"https://acme/role", "editor"}}}, named));
  EXPECT_FALSE(Holds(
      Caller{"k8s", "s", {{"https://acme/role", "viewer"}, {"https:", {{"/acme/role", "editor"}}}}}, named));
}

TEST(HoldsTest, BooleansAndNumbersCountAsTheirText) {
  const Grant grant = Make("g", {{"app", {{"email_verified", "true"}, {"level", "3"}}}});
  EXPECT_TRUE(Holds(Caller{"app", "a", {{"email_verified", true}, {"level", 3}}}, grant));
  EXPECT_FALSE(Holds(Caller{"app", "a", {{"email_verified", false}, {"level", 3}}}, grant));
  EXPECT_FALSE(Holds(Caller{"app", "a", {{"email_verified", true}, {"level", 3.0}}}, grant));
}

TEST(DelegatesTest, OnlyWhoIsNamedDelegatesAndNeverByTicket) {
  Grant grant = Make("g", {{"app", {}}});
  grant.delegates = {{"app", {{"role", "backend"}}}};
  Caller backend{"app", "web", {{"role", {"x", "backend"}}}};
  EXPECT_TRUE(IsDelegate(backend, grant));
  EXPECT_EQ(DecidingClaims(backend, grant), (boost::json::object{{"role", "backend"}}));
  EXPECT_FALSE(IsDelegate(Caller{"app", "alice", {}}, grant));
  EXPECT_FALSE(IsDelegate(Caller{"other", "web", {{"role", "backend"}}}, grant));
  backend.ticket = identity::Ticket{};
  EXPECT_FALSE(IsDelegate(backend, grant));
}

TEST(DelegatesTest, ATicketEndsWithTheRightThatItCameFrom) {
  Grant grant = Make("g", {{"app", {{"tenant", "acme"}}}});
  grant.delegates = {{"svc", {{"role", "backend"}}}};
  identity::Ticket ticket;
  ticket.grant = "g";
  Caller own{"app", "alice", {{"tenant", "acme"}}, false, ticket};
  EXPECT_TRUE(Holds(own, grant));
  Caller delegated{"svc", "alice", {}, false, ticket};
  EXPECT_FALSE(Holds(delegated, grant));
  delegated.ticket->actor = identity::TicketParty{"svc", "web", {{"role", "backend"}}};
  EXPECT_TRUE(Holds(delegated, grant));
  grant.delegates.clear();
  EXPECT_FALSE(Holds(delegated, grant));
  grant.who = {{"app", {{"tenant", "other"}}}};
  EXPECT_FALSE(Holds(own, grant));
}

}  // namespace
}  // namespace sluice::broker
