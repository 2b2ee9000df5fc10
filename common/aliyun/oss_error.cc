// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_error.h"

#include <pugixml.hpp>

#include "common/base/status.h"
#include "common/crypto/encoding.h"

namespace sluice::aliyun {
namespace {

// Printable ASCII without line breaks, short.
std::string Clean(std::string_view text, size_t most) {
  std::string out(text.substr(0, most));
  for (char& c : out) c = c < 32 || c > 126 ? '?' : c;
  return out;
}

struct Kind {
  absl::StatusCode status;
  std::string_view reason;
  std::string_view mend;
  bool retry = false;
};

Kind KindOf(int status, std::string_view code) {
  using absl::StatusCode;
  if (code == "AccessDenied")
    return {StatusCode::kPermissionDenied, "OSS_ACCESS_DENIED", "the credentials do not reach this"};
  if (code == "SecurityTokenExpired")
    return {StatusCode::kUnauthenticated, "OSS_TOKEN_EXPIRED", "get a new token"};
  if (code == "RequestTimeTooSkewed")
    return {StatusCode::kUnauthenticated, "OSS_CLOCK_SKEWED", "mend this machine's clock"};
  if (code == "SignatureDoesNotMatch" || code == "InvalidAccessKeyId" || code == "InvalidSecurityToken" ||
      code == "AccessKeyIdAndSecurityTokenNotMatch")
    return {StatusCode::kUnauthenticated, "OSS_SIGNATURE_REJECTED",
            "key, secret and token do not belong together"};
  if (status == 404)
    return {StatusCode::kNotFound, "OSS_NOT_FOUND", "there is no such object, upload or bucket"};
  if (status == 409) return {StatusCode::kAlreadyExists, "OSS_CONFLICT", "it exists already"};
  if (status == 429 || status == 503)
    return {StatusCode::kResourceExhausted, "OSS_THROTTLED", "too many requests; wait and try again", true};
  if (status >= 500) return {StatusCode::kUnavailable, "OSS_UNAVAILABLE", "try again", true};
  return {StatusCode::kFailedPrecondition, "OSS_REFUSED", "trying again will not help"};
}

}  // namespace

absl::Status OssError(const http::Response& response) {
  constexpr size_t kMost = 64 * 1024;
  std::string text = response.body.substr(0, kMost);
  if (text.empty()) {
    const auto encoded = http::FindHeader(response.headers, "x-oss-err");
    text = crypto::Base64Decode(encoded.substr(0, kMost)).value_or("");
  }
  pugi::xml_document document;
  // A document type could define entities; no answer of OSS has one.
  const bool parsed =
      text.find("<!DOCTYPE") == std::string::npos &&
      document.load_buffer(text.data(), text.size(), pugi::parse_default).status == pugi::status_ok;
  const pugi::xml_node error = document.child("Error");
  const std::string code = Clean(parsed ? error.child_value("Code") : "", 100);
  const std::string http_status = std::to_string(response.status);
  const bool known =
      response.status >= 400 && (!code.empty() || response.status == 404 || response.status >= 500);
  if (!known) {
    return Fail(absl::StatusCode::kUnavailable, "OSS_ANSWER_INVALID",
                "what answered (HTTP " + http_status + (code.empty() ? "" : ", " + code) +
                    ") is no success of OSS; check endpoint and proxies")
        .With("http_status", http_status)
        .With("oss_code", code);
  }
  const Kind kind = KindOf(response.status, code);
  auto failure =
      Fail(kind.status, kind.reason,
           "OSS answered " + http_status + (code.empty() ? "" : " " + code) + ": " + std::string(kind.mend))
          .With("http_status", http_status)
          .With("oss_code", code)
          .With("oss_request_id", Clean(http::FindHeader(response.headers, "x-oss-request-id"), 64))
          .With("oss_ec", Clean(http::FindHeader(response.headers, "x-oss-ec"), 64))
          .With("hint", Clean(http::FindHeader(response.headers, "x-sluice-hint"), 300));
  if (kind.retry) return std::move(failure).RetryAfter(std::chrono::seconds(1));
  return static_cast<absl::Status>(std::move(failure));
}

}  // namespace sluice::aliyun
