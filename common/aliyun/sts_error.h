// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "absl/status/status.h"
#include "common/http/message.h"

namespace sluice::aliyun {

// What an error code of STS means for us.
struct StsMeaning {
  // The code, and with it all that go on after a dot; one that ends in `*` also those that go on otherwise.
  std::string_view code;
  absl::StatusCode status;
  std::string_view reason;
  // What is wrong is the key that the call was signed with.
  bool own_key;
  std::string_view mend;
};

// The first that fits counts. The README of the token broker has the same table (a test compares them).
inline constexpr std::array kStsMeanings = std::to_array<StsMeaning>({
    {"Throttling", absl::StatusCode::kResourceExhausted, "STS_THROTTLED", false,
     "too many calls; wait and try again"},
    {"InternalError", absl::StatusCode::kUnavailable, "STS_UNREACHABLE", false, "try again"},
    {"ServiceUnavailable", absl::StatusCode::kUnavailable, "STS_UNREACHABLE", false, "try again"},
    {"SignatureNonceUsed", absl::StatusCode::kUnavailable, "STS_ANSWER_INVALID", false,
     "something between the broker and STS sent the call twice; try again"},
    {"EntityNotExist.Role", absl::StatusCode::kFailedPrecondition, "ROLE_NOT_FOUND", false,
     "the role does not exist; check role_arn of the grant"},
    {"NoPermission", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "the broker's RAM user needs sts:AssumeRole on this role, and the role's trust policy must name it"},
    {"Forbidden", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "a policy of the account or its directory forbids it to the broker's RAM user; change that"},
    {"InvalidSecurityToken.Expired", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", true,
     "the broker's own session has ended; give it a fresh ALIBABA_CLOUD_SECURITY_TOKEN"},
    {"InvalidSecurityToken", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", true,
     "the broker's own session token is not one of its key's; give it both of the same session"},
    {"MissingSecurityToken", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", true,
     "the broker's key is an STS key; set ALIBABA_CLOUD_SECURITY_TOKEN too"},
    {"InvalidAccessKeyId.Inactive", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", true,
     "the broker's access key is disabled; enable it, or give the broker another"},
    {"InvalidAccessKeyId", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", true,
     "the broker's access key is unknown or has ended; check ALIBABA_CLOUD_ACCESS_KEY_ID"},
    {"SignatureDoesNotMatch", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", true,
     "the broker's secret does not belong to its key; check ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
    {"IncompleteSignature", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "the signature did not arrive whole; check proxies between the broker and STS"},
    {"InvalidTimeStamp", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "the broker's clock is wrong by more than 15 minutes; mend it (NTP)"},
    {"InvalidParameter.DurationSeconds", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "the role's maximum session is shorter than the grant's ttl.max; lower one or raise the other"},
    {"InvalidParameter.RoleArn", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "role_arn of the grant is not of the form acs:ram::ACCOUNT:role/NAME"},
    {"InvalidParameter.PolicyGrammar", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "STS does not take the session policy; report it with the grant"},
    {"InvalidParameter.PolicySize", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "the session policy is too long for STS; shorten the grant's prefix"},
    {"InvalidParameter", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "STS refused a parameter; compare the grant with the role"},
    {"Missing*", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "a parameter did not arrive; check proxies between the broker and STS"},
    {"InvalidProtocol.NeedSsl", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "STS wants https; check sts.endpoints"},
    {"InvalidApi.NotFound", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "this host is of another service; check sts.endpoints"},
    {"InvalidProduct.NotFound", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "this host is of another service; check sts.endpoints"},
    {"InvalidAction.NotFound", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "this host is of another service; check sts.endpoints"},
    {"AuthenticationFail", absl::StatusCode::kFailedPrecondition, "STS_REFUSED", false,
     "the broker's own identity token is not accepted; check the OIDC provider and the trust of its role"},
});

// What an answer of STS that is not 200 means for us. Pure; the vendor's own text is not passed on, since it
// repeats signed requests. Metadata: http_status, sts_code, sts_request_id; empty where there is none.
// - what the table says of its code;
// - otherwise `RESOURCE_EXHAUSTED` `STS_THROTTLED` for 429, or with the vendor's header that says when to
// come back;
// - `UNAVAILABLE` `STS_UNREACHABLE` for 5xx;
// - `UNAVAILABLE` `STS_ANSWER_INVALID` for what is not the vendor's JSON;
// - `FAILED_PRECONDITION` `STS_REFUSED` for any other code, since trying again cannot mend it.
// All but `FAILED_PRECONDITION` carry a retry delay.
absl::Status StsError(const http::Response& response);

// Whether StsError has said that the key that the call was signed with has ended, is unknown or is not whole.
bool IsOwnKeyRefused(const absl::Status& status);

}  // namespace sluice::aliyun
