// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_plans.h"

#include "tests/support/photos_grant.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;

std::shared_ptr<const identity::Caller> CallerOf(const std::string& subject) {
  return std::make_shared<const identity::Caller>(identity::Caller{"app", subject, {}});
}

class TokenPlansTest : public ::testing::Test {
 protected:
  TokenPlans::Plan Get(const Asker& asker, const token::v1::IssueTokenRequest& request = {}) {
    auto plan = plans_.Get(asker, request);
    EXPECT_TRUE(plan.ok()) << plan.status();
    return plan.ok() ? *plan : nullptr;
  }
  const Grants grants_{{sluice::testing::PhotosGrant()}};
  const std::shared_ptr<const DenyList> nobody_ = std::make_shared<const DenyList>();
  const Asker alice_{grants_, nobody_, CallerOf("alice"), {"192.0.2.1", true}};
  TokenPlans plans_{1 << 20};
};

TEST_F(TokenPlansTest, TheSameQuestionIsJudgedOnce) { EXPECT_EQ(Get(alice_), Get(alice_)); }

TEST_F(TokenPlansTest, EveryDifferenceIsJudgedAnew) {
  const TokenPlans::Plan plan = Get(alice_);
  Asker other = {grants_, nobody_, alice_.caller, {"192.0.2.1", false}};
  EXPECT_NE(Get(other), plan);
  other.origin = {"192.0.2.2", true};
  EXPECT_NE(Get(other), plan);
  EXPECT_NE(Get({grants_, std::make_shared<const DenyList>(), alice_.caller, alice_.origin}), plan);
  EXPECT_NE(Get({grants_, nobody_, CallerOf("alice"), alice_.origin}), plan);
  token::v1::IssueTokenRequest request;
  request.set_path("a/");
  const TokenPlans::Plan narrow = Get(alice_, request);
  EXPECT_NE(narrow, plan);
  EXPECT_NE(narrow->order->key, plan->order->key);
}

TEST_F(TokenPlansTest, WhatWasJudgedIsFoundByTheBytesOfItsRequest) {
  token::v1::IssueTokenRequest request;
  request.set_path("a/");
  const std::string bytes = request.SerializeAsString();
  EXPECT_EQ(plans_.Find(alice_, bytes), nullptr);
  const TokenPlans::Plan plan = Get(alice_, request);

  EXPECT_EQ(plans_.Find(alice_, bytes), plan);
  EXPECT_EQ(plans_.Find(alice_, ""), nullptr);
  EXPECT_EQ(plans_.Find({grants_, nobody_, CallerOf("alice"), alice_.origin}, bytes), nullptr);
}

TEST_F(TokenPlansTest, AnotherCallerNeverGetsTheAuthorityOfOneWhoIsGone) {
  std::set<std::string> keys;
  for (int i = 0; i < 1000; ++i) {
    // The allocator gives the same address again and again; what is remembered keeps its own.
    const auto plan = Get({grants_, nobody_, CallerOf("user" + std::to_string(i)), alice_.origin});
    ASSERT_EQ(plan->plan.access.scope.target, "uploads/user" + std::to_string(i) + "/");
    keys.insert(plan->order->key);
  }
  EXPECT_EQ(keys.size(), 1000u);
}

TEST_F(TokenPlansTest, ADeniedCallerIsRefusedAlthoughItWasPlannedBefore) {
  (void)Get(alice_);
  config::v1::DenyList list;
  list.add_subjects()->set_subject("alice");
  const auto denied = std::make_shared<const DenyList>(DenyList::Read(list).value());
  EXPECT_THAT(plans_.Get({grants_, denied, alice_.caller, alice_.origin}, {}),
              FailsWith(absl::StatusCode::kPermissionDenied, "SUBJECT_DENIED"));
}

TEST_F(TokenPlansTest, ARefusalIsNotRemembered) {
  token::v1::IssueTokenRequest request;
  request.set_grant("papers");
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(plans_.Get(alice_, request),
                FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  }
  EXPECT_EQ(plans_.bytes(), 0u);
}

TEST_F(TokenPlansTest, StaysWithinItsBound) {
  TokenPlans small(100'000);
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(small.Get({grants_, nobody_, CallerOf(std::to_string(i)), alice_.origin}, {}).ok());
    ASSERT_LE(small.bytes(), 100'000u);
  }
}

}  // namespace
}  // namespace sluice::broker
