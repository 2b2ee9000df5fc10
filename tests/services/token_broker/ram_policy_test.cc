// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/ram_policy.h"

#include <algorithm>

#include "tests/support/photos_grant.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::PhotosGrant;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using token::v1::OPERATION_DOWNLOAD;
using token::v1::OPERATION_LIST;
using token::v1::OPERATION_RESUME;
using token::v1::OPERATION_UPLOAD;

constexpr char kDeny[] =
    R"({"Effect":"Deny","Action":["oss:PutObject"],"Resource":["*"],)"
    R"("Condition":{"StringEquals":{"oss:x-oss-object-acl":["public-read","public-read-write"]}}})";

std::string Ceiling(const std::vector<Grant>& grants, const std::string& role = "acs:ram::1:role/r") {
  const auto policy = CeilingPolicy(grants, role);
  return policy.ok() ? boost::json::serialize(*policy) : policy.status().ToString();
}

RamIdentity Identity(std::string_view text, std::string_view provider = "",
                     std::string_view account = "sluice:sluice-broker") {
  return RamIdentity::Parse(text, provider, account, {PhotosGrant()}).value();
}

TEST(RamPolicyTest, TheCeilingReachesTheLiteralStartOfThePrefixAndDeniesPublicObjects) {
  Grant grant = PhotosGrant();
  grant.operations = {OPERATION_UPLOAD, OPERATION_RESUME, OPERATION_LIST};

  EXPECT_EQ(Ceiling({grant}),
            std::string(
                R"({"Version":"1","Statement":[)"
                R"({"Effect":"Allow","Action":["oss:AbortMultipartUpload","oss:ListParts","oss:PutObject"],)"
                R"("Resource":["acs:oss:*:*:my-bucket/uploads/*"]},)"
                R"({"Effect":"Allow","Action":["oss:ListObjects"],"Resource":["acs:oss:*:*:my-bucket"],)"
                R"("Condition":{"StringLike":{"oss:Prefix":["uploads/*"]}}},)") +
                kDeny + "]}");
}

TEST(RamPolicyTest, WhereNothingIsUploadedNothingNeedsTheDeny) {
  Grant grant = PhotosGrant();
  grant.operations = {OPERATION_DOWNLOAD};

  EXPECT_EQ(Ceiling({grant}), R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:GetObject"],)"
                              R"("Resource":["acs:oss:*:*:my-bucket/uploads/*"]}]})");
}

TEST(RamPolicyTest, GrantsOfOneRoleMakeOneCeilingWhateverTheirOrder) {
  Grant photos = PhotosGrant();
  Grant readers = PhotosGrant();
  readers.operations = {OPERATION_DOWNLOAD};
  Grant videos = PhotosGrant();
  videos.bucket = "videos";
  videos.operations = {OPERATION_UPLOAD, OPERATION_DOWNLOAD};
  Grant other = PhotosGrant();
  other.role_arn = "acs:ram::1:role/other";
  other.bucket = "elsewhere";

  const std::string one = Ceiling({photos, readers, videos, other});
  EXPECT_EQ(one, Ceiling({other, videos, readers, photos}));
  EXPECT_EQ(
      one, std::string(R"({"Version":"1","Statement":[)"
                       R"({"Effect":"Allow","Action":["oss:GetObject","oss:PutObject"],)"
                       R"("Resource":["acs:oss:*:*:my-bucket/uploads/*","acs:oss:*:*:videos/uploads/*"]},)") +
               kDeny + "]}");
}

TEST(RamPolicyTest, WhatIsForTlsAloneIsSoInTheCeiling) {
  Grant grant = PhotosGrant();
  grant.tls_only = true;
  grant.operations = {OPERATION_DOWNLOAD, OPERATION_LIST};

  const std::string ceiling = Ceiling({grant});
  EXPECT_THAT(ceiling, HasSubstr(R"("Condition":{"Bool":{"acs:SecureTransport":["true"]}}})"));
  EXPECT_THAT(ceiling, HasSubstr(R"("Condition":{"Bool":{"acs:SecureTransport":["true"]},"StringLike":)"));
}

TEST(RamPolicyTest, ACeilingThatRamWouldNotTakeIsRefused) {
  std::vector<Grant> grants;
  for (int i = 0; i < 200; ++i) {
    grants.push_back(PhotosGrant());
    grants.back().prefix = PrefixTemplate::Parse("tenant-" + std::to_string(i) + "/{subject}/").value();
  }
  EXPECT_THAT(CeilingPolicy(grants, "acs:ram::1:role/r"),
              FailsWith(absl::StatusCode::kFailedPrecondition, "POLICY_TOO_LARGE"));
}

TEST(RamPolicyTest, TheBrokerAssumesTheGrantsRolesAndTheyTrustItAlone) {
  Grant other = PhotosGrant();
  other.role_arn = "acs:ram::1:role/a";

  EXPECT_THAT(RolesOf({PhotosGrant(), other, other}), ElementsAre("acs:ram::1:role/a", "acs:ram::1:role/r"));
  EXPECT_EQ(boost::json::serialize(BrokerPolicy({PhotosGrant(), other, other})),
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole"],)"
            R"("Resource":["acs:ram::1:role/a","acs:ram::1:role/r"]}]})");
  EXPECT_EQ(boost::json::serialize(TrustPolicy(Identity("user/sluice-broker"))),
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
            R"("Principal":{"RAM":["acs:ram::1:user/sluice-broker"]}}]})");
}

TEST(RamPolicyTest, TheBrokersOwnRoleIsAnInstancesOrThatOfOneServiceAccountsPods) {
  EXPECT_EQ(boost::json::serialize(BrokerTrustPolicy(Identity("role/sluice-broker"))),
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
            R"("Principal":{"Service":["ecs.aliyuncs.com"]}}]})");
  EXPECT_EQ(boost::json::serialize(BrokerTrustPolicy(Identity("role/sluice-broker", "ack-rrsa-c1"))),
            R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",)"
            R"("Principal":{"Federated":["acs:ram::1:oidc-provider/ack-rrsa-c1"]},)"
            R"("Condition":{"StringEquals":{"oidc:aud":["sts.aliyuncs.com"],)"
            R"("oidc:sub":["system:serviceaccount:sluice:sluice-broker"]}}}]})");
}

TEST(RamPolicyTest, AnIdentityInAnotherAccountIsAWholeArn) {
  Grant other = PhotosGrant();
  other.role_arn = "acs:ram::2:role/r";
  const std::vector<Grant> both = {PhotosGrant(), other};

  EXPECT_THAT(RamIdentity::Parse("user/b", "", "", both),
              FailsWith(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"));
  EXPECT_EQ(RamIdentity::Parse("acs:ram::3:user/b", "", "", both)->arn, "acs:ram::3:user/b");
  EXPECT_EQ(RamIdentity::Parse("acs:ram::3:role/b", "p", "n:a", both)->oidc_provider,
            "acs:ram::3:oidc-provider/p");
}

TEST(RamPolicyTest, OptionsThatSayNothingRamCouldUseAreRefused) {
  for (const char* text : {"", "user/", "group/g", "acs:ram::1:root", "acs:ram::1:user/", "acs:ram:1:user/b",
                           "user/*", "role/${x}"}) {
    EXPECT_THAT(RamIdentity::Parse(text, "", "", {PhotosGrant()}),
                FailsWith(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"))
        << text;
  }
  EXPECT_THAT(RamIdentity::Parse("user/b", "p", "n:a", {PhotosGrant()}),
              FailsWith(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"));
  for (const char* account : {"", "n", "n:", ":a", "n:*"}) {
    EXPECT_THAT(RamIdentity::Parse("role/b", "p", account, {PhotosGrant()}),
                FailsWith(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"))
        << account;
  }
}

TEST(RamPolicyTest, PrintsOneDocumentOrAllOfThem) {
  Grant grant = PhotosGrant();
  grant.max_ttl = std::chrono::hours(2);
  const RamIdentity user = Identity("user/b");

  EXPECT_EQ(DescribeRamPolicy({grant}, user, "ceiling", "").value(), Ceiling({grant}) + "\n");
  const std::string all = DescribeRamPolicy({grant}, user, "all", "").value();
  EXPECT_EQ(all, R"({"broker":{"arn":"acs:ram::1:user/b","policy":)" +
                     boost::json::serialize(BrokerPolicy({grant})) +
                     R"(},"roles":[{"arn":"acs:ram::1:role/r","max_session_seconds":7200,"trust":)" +
                     boost::json::serialize(TrustPolicy(user)) + R"(,"ceiling":)" + Ceiling({grant}) +
                     "}]}\n");
  EXPECT_THAT(DescribeRamPolicy({grant}, Identity("role/b"), "all", "").value(),
              HasSubstr(R"(,"trust":{"Version")"));
  for (const char* part : {"", "policy", "broker-trust"}) {  // the last is for a role
    EXPECT_THAT(DescribeRamPolicy({grant}, user, part, ""),
                FailsWith(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"))
        << part;
  }
}

TEST(RamPolicyTest, OfSeveralRolesTheCeilingIsOfTheOneNamed) {
  Grant other = PhotosGrant();
  other.role_arn = "acs:ram::1:role/other";
  other.bucket = "elsewhere";
  const std::vector<Grant> grants = {PhotosGrant(), other};
  const RamIdentity user = Identity("user/b");

  EXPECT_EQ(DescribeRamPolicy(grants, user, "ceiling", "other").value(),
            Ceiling(grants, "acs:ram::1:role/other") + "\n");
  EXPECT_EQ(DescribeRamPolicy(grants, user, "ceiling", "acs:ram::1:role/other"),
            DescribeRamPolicy(grants, user, "ceiling", "other"));
  for (const char* role : {"", "third"}) {
    EXPECT_THAT(DescribeRamPolicy(grants, user, "ceiling", role),
                FailsWith(absl::StatusCode::kInvalidArgument, "OPTION_INVALID"))
        << role;
  }
}

}  // namespace
}  // namespace sluice::broker
