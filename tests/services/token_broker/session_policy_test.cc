// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/session_policy.h"

#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using token::v1::OPERATION_DOWNLOAD;
using token::v1::OPERATION_LIST;
using token::v1::OPERATION_RESUME;
using token::v1::OPERATION_UNSPECIFIED;
using token::v1::OPERATION_UPLOAD;

TEST(SessionPolicyTest, IsMinimalAndCanonical) {
  EXPECT_EQ(
      CompileSessionPolicy({"b", "uploads/alice/", false, {OPERATION_UPLOAD}}).value(),
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:b/uploads/alice/*"}]})");
  EXPECT_EQ(
      CompileSessionPolicy({"b", "uploads/alice/x", true, {OPERATION_RESUME, OPERATION_UPLOAD}}).value(),
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:AbortMultipartUpload","oss:ListParts","oss:PutObject"],)"
      R"("Resource":"acs:oss:*:*:b/uploads/alice/x"}]})");
  EXPECT_EQ(
      CompileSessionPolicy({"b", "uploads/alice/", false, {OPERATION_LIST}}).value(),
      R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:ListObjects","Resource":"acs:oss:*:*:b",)"
      R"("Condition":{"StringLike":{"oss:Prefix":"uploads/alice/*"}}}]})");
}

TEST(SessionPolicyTest, RefusesScopesThatAreNotOnes) {
  for (const Scope& scope : std::vector<Scope>{{"", "a/", false, {OPERATION_UPLOAD}},
                                               {"b", "", false, {OPERATION_UPLOAD}},
                                               {"b", "a", false, {OPERATION_UPLOAD}},
                                               {"b", "a/", true, {OPERATION_UPLOAD}}}) {
    EXPECT_THAT(CompileSessionPolicy(scope), FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"))
        << scope.target;
  }
  for (const Scope& scope : std::vector<Scope>{{"b", "a/", false, {}},
                                               {"b", "a/", false, {OPERATION_UNSPECIFIED}},
                                               {"b", "a", true, {OPERATION_LIST}}}) {
    EXPECT_THAT(CompileSessionPolicy(scope),
                FailsWith(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID"))
        << scope.target;
  }
  for (const char* target : {"a*/", "a?/", "${acs:x}/"}) {
    EXPECT_THAT(CompileSessionPolicy({"b", target, false, {OPERATION_UPLOAD}}),
                FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
  }
}

TEST(SessionPolicyTest, QuotesInAKeyStayInsideItsText) {
  const std::string policy =
      CompileSessionPolicy({"b", R"(a","Resource":"x)", true, {OPERATION_UPLOAD}}).value();

  EXPECT_NE(policy.find(R"(acs:oss:*:*:b/a\",\"Resource\":\"x)"), std::string::npos) << policy;
}

TEST(SessionPolicyTest, SizeIsCountedInBytes) {
  EXPECT_TRUE(
      CompileSessionPolicy({"b", std::string(900, 'k') + "/", false, {OPERATION_UPLOAD, OPERATION_LIST}})
          .ok());
  EXPECT_THAT(
      CompileSessionPolicy({"b", std::string(1000, 'k') + "/", false, {OPERATION_UPLOAD, OPERATION_LIST}}),
      FailsWith(absl::StatusCode::kFailedPrecondition, "POLICY_TOO_LARGE"));
}

}  // namespace
}  // namespace sluice::broker
