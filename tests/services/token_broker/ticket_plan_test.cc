// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/ticket_plan.h"

#include <gmock/gmock.h>

#include "common/base/status.h"
#include "tests/support/photos_grant.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using ::testing::ElementsAre;
using token::v1::IssueTicketRequest;

const Time kNow(std::chrono::seconds(1'700'000'000));

class TicketPlanTest : public ::testing::Test {
 protected:
  TicketPlanTest() {
    grant_.operations = {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_RESUME,
                         token::v1::OPERATION_DOWNLOAD, token::v1::OPERATION_DELETE};
    grant_.max_ticket_ttl = std::chrono::hours(6);
    grant_.source_ips = {*IpRange::Parse("192.0.2.0/24")};
  }
  absl::StatusOr<TicketPlan> Plan(const identity::Caller& caller, const IssueTicketRequest& request,
                                  const std::string& ip = "192.0.2.1") {
    grants_ = std::make_unique<Grants>(std::vector<Grant>{grant_});
    const Origin origin{ip, true};
    return PlanTicket({*grants_, denied_, caller, origin}, request, kNow);
  }
  static IssueTicketRequest For(const std::string& path,
                                const std::vector<token::v1::Operation>& operations = {}) {
    IssueTicketRequest out;
    out.set_path(path);
    for (const auto one : operations) out.add_operations(one);
    return out;
  }

  Grant grant_ = sluice::testing::PhotosGrant();
  std::unique_ptr<Grants> grants_;
  const DenyList denied_{};
  const identity::Caller alice_{"app", "alice", {}};
  // Alice, as an upload gateway shows her.
  const identity::Caller shown_{"app", "alice", {}, false, std::nullopt, true};
};

TEST_F(TicketPlanTest, ACallersTicketIsItsGrantForAnHour) {
  const auto plan = Plan(alice_, For("a/"));
  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->ticket.subject.subject, "alice");
  EXPECT_EQ(plan->ticket.path, "a/");
  EXPECT_THAT(plan->ticket.operations, ElementsAre("UPLOAD", "RESUME", "DOWNLOAD", "DELETE"));
  EXPECT_EQ(plan->ticket.expires - plan->ticket.issued, std::chrono::hours(1));
  EXPECT_FALSE(plan->ticket.for_gateway);
}

TEST_F(TicketPlanTest, AGatewaysTicketWritesOneObjectForAsLongAsTheGrantLetsTicketsLive) {
  const auto plan = Plan(shown_, For("cat.jpg"));
  ASSERT_THAT(plan, IsOk());
  EXPECT_TRUE(plan->ticket.for_gateway);
  EXPECT_EQ(plan->ticket.subject.subject, "alice");
  EXPECT_EQ(plan->access.scope.target, "uploads/alice/cat.jpg");
  EXPECT_THAT(plan->ticket.operations, ElementsAre("UPLOAD", "RESUME"));
  EXPECT_EQ(plan->ticket.expires - plan->ticket.issued, std::chrono::hours(6));
}

TEST_F(TicketPlanTest, AGatewayIsRefusedWhateverElse) {
  const auto refused = [&](const IssueTicketRequest& request) {
    EXPECT_THAT(Plan(shown_, request), FailsWith(absl::StatusCode::kPermissionDenied, "GATEWAY_NOT_ALLOWED"))
        << request.ShortDebugString();
  };
  refused(For(""));
  refused(For("a/"));
  for (const auto operation :
       {token::v1::OPERATION_DOWNLOAD, token::v1::OPERATION_LIST, token::v1::OPERATION_DELETE})
    refused(For("cat.jpg", {token::v1::OPERATION_UPLOAD, operation}));
  refused(For("cat.jpg", {static_cast<token::v1::Operation>(99)}));
  IssueTicketRequest for_bob = For("cat.jpg");
  for_bob.set_subject("bob");
  refused(for_bob);
  IssueTicketRequest claims = For("cat.jpg");
  (*claims.mutable_claims())["tenant"] = "acme";
  refused(claims);
}

TEST_F(TicketPlanTest, AGatewayGivesNobodyMoreThanTheGrant) {
  EXPECT_THAT(Plan(shown_, For("cat.jpg", {token::v1::OPERATION_TAG})),
              FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
  EXPECT_THAT(Plan(shown_, For("../bob/cat.jpg")),
              FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
  EXPECT_THAT(Plan(shown_, For("cat.jpg"), "198.51.100.1"),
              FailsWith(absl::StatusCode::kPermissionDenied, "CONDITION_NOT_MET"));
  const identity::Caller stranger{"other", "alice", {}, false, std::nullopt, true};
  EXPECT_THAT(Plan(stranger, For("cat.jpg")),
              FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  grant_.operations = {token::v1::OPERATION_RESUME, token::v1::OPERATION_DOWNLOAD};
  EXPECT_THAT(Plan(shown_, For("cat.jpg")),
              FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
}

TEST_F(TicketPlanTest, ATicketMakesNoTicketAlsoByAGateway) {
  identity::Caller with = shown_;
  with.ticket = Plan(shown_, For("cat.jpg"))->ticket;
  EXPECT_THAT(Plan(with, For("cat.jpg")),
              FailsWith(absl::StatusCode::kPermissionDenied, "TICKET_NOT_ALLOWED"));
  identity::Caller direct = alice_;
  direct.ticket = Plan(alice_, For("a/"))->ticket;
  EXPECT_THAT(Plan(direct, For("a/")), FailsWith(absl::StatusCode::kPermissionDenied, "TICKET_NOT_ALLOWED"));
}

TEST_F(TicketPlanTest, AnonymousCallersHaveTicketsThroughAGatewayAlone) {
  grant_.who = {{"anon", {}}};
  identity::Caller anonymous{"anon", "anonymous", {}, true};
  EXPECT_THAT(Plan(anonymous, For("cat.jpg")),
              FailsWith(absl::StatusCode::kPermissionDenied, "TICKET_NOT_ALLOWED"));
  anonymous.by_gateway = true;
  EXPECT_THAT(Plan(anonymous, For("cat.jpg")), IsOk());
}

}  // namespace
}  // namespace sluice::broker
