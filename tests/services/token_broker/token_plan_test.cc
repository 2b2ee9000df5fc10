// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_plan.h"

#include "common/base/status.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using token::v1::IssueTokenRequest;

Grant Make(std::string name, std::set<Operation> operations) {
  Grant grant{.prefix = PrefixTemplate::Parse("uploads/{subject}/").value()};
  grant.name = std::move(name);
  grant.who = {{"app", {}}};
  grant.bucket = "sluice-demo";
  grant.operations = std::move(operations);
  grant.default_ttl = std::chrono::minutes(30);
  grant.max_ttl = std::chrono::hours(1);
  return grant;
}

class TokenPlanTest : public ::testing::Test {
 protected:
  absl::StatusOr<TokenPlan> Plan(IssueTokenRequest request) {
    return PlanToken({grants_, denied_, alice_, origin_}, request);
  }
  IssueTokenRequest Ask(std::string path, std::vector<Operation> operations = {}, int64_t ttl = 0) {
    IssueTokenRequest request;
    request.set_grant("photos");
    request.set_path(path);
    for (Operation operation : operations) request.add_operations(operation);
    if (ttl != 0) request.mutable_ttl()->set_seconds(ttl);
    return request;
  }
  const Grants grants_{{Make("photos", {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_LIST}),
                        Make("all", {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_DELETE})}};
  const identity::Caller alice_{"app", "alice", {}};
  const DenyList denied_{};
  const Origin origin_{"192.0.2.1", true};
};

TEST_F(TokenPlanTest, AnEmptyRequestIsAllOfTheGrant) {
  const auto plan = Plan(Ask(""));

  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->access.scope.target, "uploads/alice/");
  EXPECT_FALSE(plan->access.scope.is_object);
  EXPECT_EQ(plan->access.scope.operations.size(), 2u);
  EXPECT_EQ(plan->ttl, std::chrono::minutes(30));
  EXPECT_NE(plan->policy_json.find("sluice-demo/uploads/alice/*"), std::string::npos);
}

TEST_F(TokenPlanTest, AnObjectLeavesListOutUnlessItIsAskedFor) {
  const auto plan = Plan(Ask("a/cat.jpg"));

  ASSERT_THAT(plan, IsOk());
  EXPECT_EQ(plan->access.scope.target, "uploads/alice/a/cat.jpg");
  EXPECT_TRUE(plan->access.scope.is_object);
  EXPECT_EQ(plan->access.scope.operations, std::set<Operation>{token::v1::OPERATION_UPLOAD});
  EXPECT_THAT(Plan(Ask("a/cat.jpg", {token::v1::OPERATION_LIST})),
              FailsWith(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID"));
}

TEST_F(TokenPlanTest, AWiderRequestIsRefusedWithTheNearestGrant) {
  const absl::Status status = Plan(Ask("", {token::v1::OPERATION_DELETE})).status();

  EXPECT_THAT(status, FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
  EXPECT_EQ(Metadata(status).at("nearest_grant"), "all");
  EXPECT_EQ(Metadata(status).at("field"), "operations");
  const absl::Status too_long = Plan(Ask("", {}, 3601)).status();
  EXPECT_THAT(too_long, FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
  EXPECT_EQ(Metadata(too_long).at("field"), "ttl");
}

TEST_F(TokenPlanTest, LifeIsAtLeastTheMinimumOfSts) {
  EXPECT_EQ(Plan(Ask("", {}, 900))->ttl, std::chrono::seconds(900));
  for (int64_t ttl : {int64_t{899}, int64_t{1}, int64_t{-900}}) {
    EXPECT_THAT(Plan(Ask("", {}, ttl)), FailsWith(absl::StatusCode::kInvalidArgument, "TTL_INVALID")) << ttl;
  }
  IssueTokenRequest fraction = Ask("", {}, 900);
  fraction.mutable_ttl()->set_nanos(1);
  EXPECT_THAT(Plan(fraction), FailsWith(absl::StatusCode::kInvalidArgument, "TTL_INVALID"));
}

TEST_F(TokenPlanTest, PathsAndOperationsFromOutsideAreJudged) {
  for (const char* path : {"/x", "a//b", "..", "a/../b", "*", "a?b", "${x}", "a\\b", "a\x01", "\xff"}) {
    IssueTokenRequest request = Ask("");
    request.set_path(path);
    EXPECT_THAT(Plan(request), FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID")) << path;
  }
  IssueTokenRequest unknown = Ask("");
  unknown.mutable_operations()->Add(99);
  EXPECT_THAT(Plan(unknown), FailsWith(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID"));
  unknown.set_operations(0, token::v1::OPERATION_UNSPECIFIED);
  EXPECT_THAT(Plan(unknown), FailsWith(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID"));
}

TEST_F(TokenPlanTest, KeyAndPolicyStayWithinTheVendorsLimits) {
  const identity::Caller long_name{"app", std::string(128, 'u'), {}};
  IssueTokenRequest request = Ask(std::string(890, 'k'));
  EXPECT_THAT(PlanToken({grants_, denied_, long_name, origin_}, request),
              FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
  // As a prefix it is named twice, in the statement on objects and in the one on listing.
  EXPECT_THAT(Plan(Ask(std::string(895, 'k') + "/")),
              FailsWith(absl::StatusCode::kFailedPrecondition, "POLICY_TOO_LARGE"));
}

}  // namespace
}  // namespace sluice::broker
