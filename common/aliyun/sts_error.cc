// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/sts_error.h"

#include <array>
#include <string>
#include <string_view>

#include "common/base/json.h"
#include "common/base/status.h"

namespace sluice::aliyun {
namespace {

struct Mend {
  std::string_view code_prefix;
  std::string_view mend;
};

// The first prefix that fits counts.
constexpr std::array<Mend, 9> kMends = {{
    {"NoPermission",
     "the broker's RAM user needs sts:AssumeRole on this role, and the role's trust policy must name it"},
    {"EntityNotExist.Role", "the role does not exist; check role_arn of the grant"},
    {"InvalidAccessKeyId",
     "the broker's access key is unknown or expired; check ALIBABA_CLOUD_ACCESS_KEY_ID"},
    {"InvalidSecurityToken",
     "the broker's own session has ended; give it a fresh ALIBABA_CLOUD_SECURITY_TOKEN"},
    {"MissingSecurityToken", "the broker's key is an STS key; set ALIBABA_CLOUD_SECURITY_TOKEN too"},
    {"SignatureDoesNotMatch",
     "the broker's secret does not belong to its key; check ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
    {"InvalidParameter.DurationSeconds",
     "the role's maximum session is shorter than the grant's ttl.max; lower one or raise the other"},
    {"InvalidTimeStamp", "the broker's clock is wrong by more than 15 minutes; mend it (NTP)"},
    {"InvalidParameter", "STS refused a parameter; compare the grant with the role"},
}};

// Codes are words with dots; anything else is not repeated to callers.
std::string CleanWord(std::string_view text) {
  std::string out(text.substr(0, 100));
  for (char& c : out) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    if (!plain) c = '_';
  }
  return out;
}

}  // namespace

absl::Status StsError(const http::Response& response) {
  constexpr std::chrono::seconds kPause{1};
  const std::string http_status = std::to_string(response.status);
  auto body = ParseJson(std::string_view(response.body).substr(0, 64 * 1024));
  const std::string code =
      body.ok() && body->is_object() ? CleanWord(JsonText(body->get_object(), "Code")) : std::string();
  if (code.empty()) {
    if (response.status >= 500) {
      return Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
                  "STS answered HTTP " + http_status + "; try again")
          .With("http_status", http_status)
          .RetryAfter(kPause);
    }
    return Fail(absl::StatusCode::kUnavailable, "STS_ANSWER_INVALID",
                "what answered is not STS (HTTP " + http_status +
                    "); the operator checks sts.endpoints and proxies")
        .With("http_status", http_status)
        .RetryAfter(kPause);
  }
  const std::string request_id = CleanWord(JsonText(body->get_object(), "RequestId"));
  auto fail = [&](absl::StatusCode status, std::string_view reason, std::string_view text) {
    return Fail(status, reason, "STS answered " + code + ": " + std::string(text))
        .With("http_status", http_status)
        .With("sts_code", code)
        .With("sts_request_id", request_id);
  };
  if (code.starts_with("Throttling") || response.status == 429) {
    return fail(absl::StatusCode::kResourceExhausted, "STS_THROTTLED", "too many calls; wait and try again")
        .RetryAfter(kPause);
  }
  if (response.status >= 500)
    return fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE", "try again").RetryAfter(kPause);
  for (const Mend& known : kMends) {
    if (!code.starts_with(known.code_prefix)) continue;
    return fail(absl::StatusCode::kFailedPrecondition,
                code.starts_with("EntityNotExist") ? "ROLE_NOT_FOUND" : "STS_REFUSED", known.mend);
  }
  return fail(absl::StatusCode::kFailedPrecondition, "STS_REFUSED",
              "trying again will not help; the operator must act");
}

}  // namespace sluice::aliyun
