// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/url_plan.h"

#include <gmock/gmock.h>

#include "tests/support/photos_grant.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Pair;
using token::v1::SignUrlRequest;

class UrlPlanTest : public ::testing::Test {
 protected:
  UrlPlanTest() {
    grant_.operations = {token::v1::OPERATION_UPLOAD, token::v1::OPERATION_RESUME, token::v1::OPERATION_TAG,
                         token::v1::OPERATION_DOWNLOAD, token::v1::OPERATION_DELETE};
    gateways_.ticket = identity::Ticket{};
    gateways_.ticket->subject = {"app", "alice", {}};
    gateways_.ticket->grant = "photos";
    gateways_.ticket->path = "cat.jpg";
    gateways_.ticket->operations = {"UPLOAD", "RESUME", "TAG"};
    gateways_.ticket->for_gateway = true;
  }
  absl::StatusOr<UrlPlan> Plan(const identity::Caller& caller, const SignUrlRequest& request,
                               const std::string& ip = "192.0.2.1") {
    grants_ = std::make_unique<Grants>(std::vector<Grant>{grant_});
    const Origin origin{ip, true};
    return PlanUrls({*grants_, denied_, caller, origin}, request);
  }
  static SignUrlRequest For(token::v1::UrlMethod method, const std::string& path = "cat.jpg") {
    SignUrlRequest out;
    out.set_method(method);
    out.set_path(path);
    const bool of_upload =
        method == token::v1::URL_METHOD_UPLOAD_PART || method == token::v1::URL_METHOD_LIST_PARTS ||
        method == token::v1::URL_METHOD_COMPLETE_MULTIPART || method == token::v1::URL_METHOD_ABORT_MULTIPART;
    if (of_upload) out.set_upload_id("0004B9894A22E5B1888A1E29F823");
    if (method == token::v1::URL_METHOD_UPLOAD_PART) out.add_part_numbers(1);
    return out;
  }

  Grant grant_ = sluice::testing::PhotosGrant();
  std::unique_ptr<Grants> grants_;
  const DenyList denied_{};
  const identity::Caller alice_{"app", "alice", {}};
  // Whoever holds alice's ticket for one object: an upload gateway.
  identity::Caller gateways_{"app", "alice", {}, false, std::nullopt, true};
};

TEST_F(UrlPlanTest, EveryMethodIsOneRequestForTheCallersOwnKey) {
  const std::vector<std::pair<token::v1::UrlMethod, std::string>> methods = {
      {token::v1::URL_METHOD_PUT, "PUT"},
      {token::v1::URL_METHOD_GET, "GET"},
      {token::v1::URL_METHOD_HEAD, "HEAD"},
      {token::v1::URL_METHOD_DELETE, "DELETE"},
      {token::v1::URL_METHOD_INITIATE_MULTIPART, "POST"},
      {token::v1::URL_METHOD_UPLOAD_PART, "PUT"},
      {token::v1::URL_METHOD_LIST_PARTS, "GET"},
      {token::v1::URL_METHOD_COMPLETE_MULTIPART, "POST"},
      {token::v1::URL_METHOD_ABORT_MULTIPART, "DELETE"}};
  for (const auto& [method, verb] : methods) {
    const auto plan = Plan(alice_, For(method));
    ASSERT_THAT(plan, IsOk()) << verb;
    ASSERT_EQ(plan->requests.size(), 1u);
    EXPECT_EQ(plan->requests[0].method, verb);
    EXPECT_EQ(plan->requests[0].bucket, "my-bucket");
    EXPECT_EQ(plan->requests[0].key, "uploads/alice/cat.jpg");
  }
  EXPECT_THAT(Plan(alice_, For(token::v1::URL_METHOD_UNSPECIFIED)),
              FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID"));
}

TEST_F(UrlPlanTest, TagsAreOneSortedHeaderAndNeedTheirOperation) {
  SignUrlRequest request = For(token::v1::URL_METHOD_PUT);
  (*request.mutable_tags())["b"] = "two words";
  (*request.mutable_tags())["a"] = "1+1=2";
  EXPECT_THAT(Plan(alice_, request)->requests[0].headers,
              Contains(Pair("x-oss-tagging", "a=1%2B1%3D2&b=two%20words")));
  grant_.operations.erase(token::v1::OPERATION_TAG);
  EXPECT_THAT(Plan(alice_, request), FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
}

TEST_F(UrlPlanTest, TagsThatOssWouldNotTakeAreRefused) {
  const auto refused = [&](const std::map<std::string, std::string>& tags) {
    SignUrlRequest request = For(token::v1::URL_METHOD_INITIATE_MULTIPART);
    request.mutable_tags()->insert(tags.begin(), tags.end());
    EXPECT_THAT(Plan(alice_, request), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID"));
  };
  refused({{"", "x"}});
  refused({{"a&b", "x"}});
  refused({{"a", "x\r\ny: z"}});
  refused({{"a", "\xc3\xa9"}});
  refused({{std::string(129, 'a'), "x"}});
  refused({{"a", std::string(257, 'x')}});
  std::map<std::string, std::string> eleven;
  for (char c = 'a'; c <= 'k'; ++c) eleven[std::string(1, c)] = "x";
  refused(eleven);
}

TEST_F(UrlPlanTest, ForbidOverwriteIsAHeaderOfWhatMakesAnObject) {
  for (const auto method : {token::v1::URL_METHOD_PUT, token::v1::URL_METHOD_INITIATE_MULTIPART,
                            token::v1::URL_METHOD_COMPLETE_MULTIPART}) {
    SignUrlRequest request = For(method);
    request.set_forbid_overwrite(true);
    EXPECT_THAT(Plan(alice_, request)->requests[0].headers, Contains(Pair("x-oss-forbid-overwrite", "true")));
  }
  SignUrlRequest request = For(token::v1::URL_METHOD_GET);
  request.set_forbid_overwrite(true);
  EXPECT_THAT(Plan(alice_, request), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID"));
}

TEST_F(UrlPlanTest, AListMayBeginBehindAPart) {
  SignUrlRequest request = For(token::v1::URL_METHOD_LIST_PARTS);
  request.set_after_part(1000);
  EXPECT_THAT(Plan(alice_, request)->requests[0].query, Contains(Pair("part-number-marker", "1000")));
  request.set_after_part(10'001);
  EXPECT_THAT(Plan(alice_, request), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID"));
  request = For(token::v1::URL_METHOD_ABORT_MULTIPART);
  request.set_after_part(1);
  EXPECT_THAT(Plan(alice_, request), FailsWith(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID"));
}

TEST_F(UrlPlanTest, AGatewayWritesItsObjectAndReadsAndDeletesNone) {
  for (const auto method : {token::v1::URL_METHOD_PUT, token::v1::URL_METHOD_INITIATE_MULTIPART,
                            token::v1::URL_METHOD_UPLOAD_PART, token::v1::URL_METHOD_LIST_PARTS,
                            token::v1::URL_METHOD_COMPLETE_MULTIPART, token::v1::URL_METHOD_ABORT_MULTIPART})
    EXPECT_THAT(Plan(gateways_, For(method)), IsOk()) << method;
  for (const auto method : {token::v1::URL_METHOD_GET, token::v1::URL_METHOD_DELETE}) {
    EXPECT_THAT(Plan(gateways_, For(method)),
                FailsWith(absl::StatusCode::kPermissionDenied, "GATEWAY_NOT_ALLOWED"));
  }
  EXPECT_THAT(Plan(gateways_, For(token::v1::URL_METHOD_PUT, "dog.jpg")),
              FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
}

TEST_F(UrlPlanTest, AGatewayAsksForItsObjectByHeadWhereTheRoleMayTell) {
  const auto plan = Plan(gateways_, For(token::v1::URL_METHOD_HEAD));
  ASSERT_THAT(plan, IsOk());
  // Signed by the right to upload: the ticket gives no DOWNLOAD.
  EXPECT_THAT(plan->access.scope.operations, ElementsAre(token::v1::OPERATION_UPLOAD));
  grant_.operations.erase(token::v1::OPERATION_DOWNLOAD);
  EXPECT_THAT(Plan(gateways_, For(token::v1::URL_METHOD_HEAD)),
              FailsWith(absl::StatusCode::kFailedPrecondition, "HEAD_NOT_GRANTED"));
  EXPECT_THAT(Plan(alice_, For(token::v1::URL_METHOD_HEAD)),
              FailsWith(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
}

TEST_F(UrlPlanTest, AGatewayHoldsTheLimitsItselfAndComesFromWhereItStands) {
  grant_.limits = {1000, {"image/*"}, false};
  grant_.source_ips = {*IpRange::Parse("192.0.2.0/24")};
  EXPECT_THAT(Plan(alice_, For(token::v1::URL_METHOD_PUT)),
              FailsWith(absl::StatusCode::kFailedPrecondition, "LIMIT_NOT_ENFORCEABLE"));
  EXPECT_THAT(Plan(gateways_, For(token::v1::URL_METHOD_PUT), "198.51.100.1"), IsOk());
  SignUrlRequest typed = For(token::v1::URL_METHOD_PUT);
  typed.set_content_type("image/png");
  typed.set_content_length(10);
  EXPECT_THAT(Plan(alice_, typed), IsOk());
  EXPECT_THAT(Plan(alice_, typed, "198.51.100.1"),
              FailsWith(absl::StatusCode::kPermissionDenied, "CONDITION_NOT_MET"));
}

}  // namespace
}  // namespace sluice::broker
