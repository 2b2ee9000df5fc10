// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_error.h"
#include "common/aliyun/sts_error.h"
#include "common/crypto/encoding.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;

std::string Xml(const std::string& code) {
  return "<?xml version=\"1.0\"?><Error><Code>" + code +
         "</Code><Message>m</Message><RequestId>r</RequestId></Error>";
}
http::Response Sts(int status, const std::string& code) {
  return {status, {}, R"({"RequestId":"R-1","Code":")" + code + R"(","Message":"secret text"})"};
}

TEST(OssErrorTest, MapsTheVendorsCodes) {
  const std::tuple<int, const char*, StatusCode, const char*> cases[] = {
      {403, "AccessDenied", StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED"},
      {403, "SecurityTokenExpired", StatusCode::kUnauthenticated, "OSS_TOKEN_EXPIRED"},
      {403, "SignatureDoesNotMatch", StatusCode::kUnauthenticated, "OSS_SIGNATURE_REJECTED"},
      {403, "RequestTimeTooSkewed", StatusCode::kUnauthenticated, "OSS_CLOCK_SKEWED"},
      {404, "NoSuchKey", StatusCode::kNotFound, "OSS_NOT_FOUND"},
      {409, "FileAlreadyExists", StatusCode::kAlreadyExists, "OSS_CONFLICT"},
      {400, "EntityTooSmall", StatusCode::kFailedPrecondition, "OSS_REFUSED"},
      {503, "ServiceUnavailable", StatusCode::kResourceExhausted, "OSS_THROTTLED"},
      {500, "InternalError", StatusCode::kUnavailable, "OSS_UNAVAILABLE"}};
  for (const auto& [status, code, expected, reason] : cases) {
    EXPECT_THAT(OssError({status, {}, Xml(code)}), FailsWith(expected, reason)) << code;
  }
}

TEST(OssErrorTest, ReadsTheErrorOfAHeadFromItsHeader) {
  const http::Response head{
      403, {{"x-oss-err", crypto::Base64Encode(Xml("AccessDenied"))}, {"x-oss-ec", "0003-1"}}, ""};

  EXPECT_THAT(OssError(head), FailsWith(StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED"));
  EXPECT_EQ(Metadata(OssError(head)).at("oss_ec"), "0003-1");
}

TEST(OssErrorTest, HostileAndForeignBodiesAreAnAnswerOfNobody) {
  for (const std::string& body :
       {std::string(), std::string("<html>proxy</html>"), std::string("{}"),
        std::string("<Error><Code>AccessDenied"),
        "<!DOCTYPE a [<!ENTITY x \"AccessDenied\">]><Error><Code>&x;</Code></Error>" + std::string(),
        std::string(200000, '<')}) {
    EXPECT_THAT(OssError({403, {}, body}), FailsWith(StatusCode::kUnavailable, "OSS_ANSWER_INVALID"))
        << body.substr(0, 60);
  }
  EXPECT_THAT(OssError({203, {}, Xml("CallbackFailed")}),
              FailsWith(StatusCode::kUnavailable, "OSS_ANSWER_INVALID"));
  EXPECT_THAT(OssError({502, {}, "<html>"}), FailsWith(StatusCode::kUnavailable, "OSS_UNAVAILABLE"));
}

TEST(StsErrorTest, MapsTheVendorsCodesAndRepeatsNoneOfItsText) {
  const std::tuple<int, const char*, StatusCode, const char*> cases[] = {
      {403, "NoPermission", StatusCode::kFailedPrecondition, "STS_REFUSED"},
      {404, "EntityNotExist.Role", StatusCode::kFailedPrecondition, "ROLE_NOT_FOUND"},
      {404, "InvalidAccessKeyId.NotFound", StatusCode::kFailedPrecondition, "STS_REFUSED"},
      {400, "SignatureDoesNotMatch", StatusCode::kFailedPrecondition, "STS_REFUSED"},
      {400, "SomethingNew", StatusCode::kFailedPrecondition, "STS_REFUSED"},
      {400, "Throttling.User", StatusCode::kResourceExhausted, "STS_THROTTLED"},
      {429, "Whatever", StatusCode::kResourceExhausted, "STS_THROTTLED"},
      {400, "SignatureNonceUsed", StatusCode::kUnavailable, "STS_ANSWER_INVALID"},
      {400, "NoPermissionElse", StatusCode::kFailedPrecondition, "STS_REFUSED"},
      {502, "SomethingNew", StatusCode::kUnavailable, "STS_UNREACHABLE"},
      {500, "InternalError", StatusCode::kUnavailable, "STS_UNREACHABLE"}};
  for (const auto& [status, code, expected, reason] : cases) {
    const absl::Status error = StsError(Sts(status, code));
    EXPECT_THAT(error, FailsWith(expected, reason)) << code;
    EXPECT_EQ(error.ToString().find("secret text"), std::string::npos);
  }
  EXPECT_EQ(Metadata(StsError(Sts(403, "NoPermission"))).at("sts_request_id"), "R-1");
}

TEST(StsErrorTest, KnowsARefusalOfTheOwnKey) {
  for (const char* code : {"InvalidSecurityToken.Expired", "InvalidSecurityToken.Malformed",
                           "InvalidSecurityToken.MismatchWithAccessKey", "InvalidAccessKeyId.NotFound",
                           "InvalidAccessKeyId.Inactive", "MissingSecurityToken", "SignatureDoesNotMatch"}) {
    EXPECT_TRUE(IsOwnKeyRefused(StsError(Sts(400, code)))) << code;
  }
  for (const char* code : {"NoPermission", "EntityNotExist.Role", "Throttling.User", "InvalidSecurityTokenX"})
    EXPECT_FALSE(IsOwnKeyRefused(StsError(Sts(400, code)))) << code;
  EXPECT_FALSE(IsOwnKeyRefused(absl::OkStatus()));
  EXPECT_FALSE(IsOwnKeyRefused(StsError({403, {}, "<html>"})));
}

TEST(StsErrorTest, WaitsAsStsSaysWithinReason) {
  const std::pair<const char*, int> cases[] = {
      {"2500", 2500}, {"3", 100},      {"99999999", 60000},
      {"0", 1000},    {"-7", 1000},    {"", 1000},
      {"1e9", 1000},  {"2500 ", 1000}, {"99999999999999999999999", 1000}};
  for (const auto& [value, expected] : cases) {
    http::Response response = Sts(400, "Whatever");
    response.headers = {{"X-Acs-Retry-After", value}};
    EXPECT_THAT(StsError(response), FailsWith(StatusCode::kResourceExhausted, "STS_THROTTLED")) << value;
    EXPECT_EQ(RetryDelay(StsError(response)), std::chrono::milliseconds(expected)) << value;
  }
  EXPECT_EQ(RetryDelay(StsError(Sts(400, "Throttling"))), std::chrono::seconds(1));
  EXPECT_EQ(RetryDelay(StsError(Sts(403, "NoPermission"))), std::nullopt);
}

TEST(StsErrorTest, WhatIsNotStsIsSaid) {
  for (const std::string& body : {std::string(), std::string("<html>"), std::string("[]"),
                                  std::string(R"({"Code":7})"), std::string(100000, '{')}) {
    EXPECT_THAT(StsError({403, {}, body}), FailsWith(StatusCode::kUnavailable, "STS_ANSWER_INVALID"));
    EXPECT_THAT(StsError({503, {}, body}), FailsWith(StatusCode::kUnavailable, "STS_UNREACHABLE"));
  }
}

}  // namespace
}  // namespace sluice::aliyun
