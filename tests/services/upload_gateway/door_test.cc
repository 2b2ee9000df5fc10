// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/door.h"

#include <gtest/gtest.h>

#include "services/upload_gateway/part_plan.h"
#include "tests/support/status_matchers.h"

namespace sluice::gateway {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using upload::v1::StartUploadRequest;

StartUploadRequest Request() {
  StartUploadRequest out;
  out.set_path("a/b.png");
  out.set_content_type("image/png");
  return out;
}

token::v1::IssueTicketResponse Ticket() {
  token::v1::IssueTicketResponse out;
  out.set_ticket("t");
  out.set_grant("photos");
  out.mutable_scope()->set_bucket("b");
  out.mutable_scope()->set_key("uploads/alice/a/b.png");
  out.mutable_scope()->set_endpoint("https://oss");
  out.mutable_expire_time()->set_seconds(5000);
  return out;
}

TEST(CheckStartTest, AnOrdinaryRequestIsGood) {
  StartUploadRequest request = Request();
  request.set_size_bytes(PartPlan::kLargestObject);
  request.set_request_id("A-z.0_9");
  (*request.mutable_metadata())["owner-note"] = "a b ~";
  (*request.mutable_tags())["k:/+-=._ 1"] = "";
  EXPECT_THAT(CheckStart(request), IsOk());
  EXPECT_THAT(CheckStart(StartUploadRequest()),
              FailsWith(absl::StatusCode::kInvalidArgument, "PATH_INVALID"));
}

TEST(CheckStartTest, HostileFieldsAreRefusedWithTheFieldsName) {
  using Change = void (*)(StartUploadRequest&);
  const std::pair<const char*, Change> bad[] = {
      {"PATH_INVALID", [](auto& r) { r.set_path("a/"); }},
      {"PATH_INVALID", [](auto& r) { r.set_path(std::string(1024, 'x')); }},
      {"REQUEST_INVALID", [](auto& r) { r.set_content_type("png"); }},
      {"REQUEST_INVALID", [](auto& r) { r.set_content_type("image/png\r\nx-oss-object-acl: public-read"); }},
      {"REQUEST_INVALID", [](auto& r) { r.set_content_type("image/" + std::string(300, 'x')); }},
      {"REQUEST_INVALID", [](auto& r) { r.set_request_id("a/b"); }},
      {"REQUEST_INVALID", [](auto& r) { r.set_request_id(std::string(65, 'x')); }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["Big"] = "x"; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())[""] = "x"; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["a"] = "x\ny"; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["a"] = " x"; }},
      {"METADATA_INVALID", [](auto& r) { r.set_note("a\r\nX-Injected: b"); }},
      {"METADATA_INVALID", [](auto& r) { r.set_note(std::string(2049, 'n')); }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["a"] = ""; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["a"] = std::string(8192, 'x'); }},
      // What marks an upload and its authority is nobody else's to set.
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["sluice-upload"] = "x"; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_metadata())["sluice-grant"] = "x"; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_tags())["a&b"] = "x"; }},
      {"METADATA_INVALID", [](auto& r) { (*r.mutable_tags())["a"] = std::string(257, 'x'); }},
      {"METADATA_INVALID",
       [](auto& r) {
         for (int i = 0; i < 11; ++i) (*r.mutable_tags())["t" + std::to_string(i)] = "x";
       }},
  };
  for (const auto& [reason, change] : bad) {
    StartUploadRequest request = Request();
    change(request);
    EXPECT_THAT(CheckStart(request), FailsWith(absl::StatusCode::kInvalidArgument, reason))
        << request.DebugString();
  }
  StartUploadRequest huge = Request();
  huge.set_size_bytes(PartPlan::kLargestObject + 1);
  EXPECT_THAT(CheckStart(huge), FailsWith(absl::StatusCode::kOutOfRange, "SIZE_EXCEEDED"));
}

TEST(AdmitUploadTest, TheGrantsLimitsAreHeldHere) {
  const identity::Caller alice{"app", "alice", {}, false, std::nullopt, false};
  auto ticket = Ticket();
  ticket.mutable_limits()->set_max_object_bytes(100);
  ticket.mutable_limits()->add_content_types("image/*");
  StartUploadRequest request = Request();
  request.set_size_bytes(100);
  const auto admitted = AdmitUpload(request, alice, ticket);
  ASSERT_THAT(admitted, IsOk());
  EXPECT_EQ(admitted->most_bytes(), 100u);
  EXPECT_EQ(admitted->expires(), 4940);  // before its ticket, so that it can still be freed
  EXPECT_FALSE(admitted->request_id().empty());
  EXPECT_TRUE(admitted->anonymous_id().empty());
  request.set_size_bytes(101);
  EXPECT_THAT(AdmitUpload(request, alice, ticket).status(),
              FailsWith(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED"));
  request.clear_size_bytes();
  request.set_content_type("text/html");
  EXPECT_THAT(AdmitUpload(request, alice, ticket).status(),
              FailsWith(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED"));
  request.clear_content_type();
  EXPECT_THAT(AdmitUpload(request, alice, ticket).status(),
              FailsWith(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED"));
}

TEST(AdmitUploadTest, EachAnonymousUploadHasAnOwnerOfItsOwn) {
  const identity::Caller nobody{"nobody", "anonymous", {}, true, std::nullopt, false};
  const auto one = AdmitUpload(Request(), nobody, Ticket());
  const auto two = AdmitUpload(Request(), nobody, Ticket());
  EXPECT_EQ(one->anonymous_id().size(), 32u);
  EXPECT_NE(one->anonymous_id(), two->anonymous_id());
}

}  // namespace
}  // namespace sluice::gateway
