// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/sts_error.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include "common/base/json.h"
#include "common/base/status.h"

namespace sluice::aliyun {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kRetryAfter = "x-acs-retry-after";

// What STS wants, in its milliseconds, within reason; otherwise a second.
milliseconds Pause(const http::Response& response) {
  constexpr milliseconds kLeast{100};
  constexpr milliseconds kUsual{1000};
  constexpr milliseconds kMost{60000};
  const std::string_view text = http::FindHeader(response.headers, kRetryAfter);
  int64_t wanted = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), wanted);
  if (error != std::errc() || end != text.data() + text.size() || wanted <= 0) return kUsual;
  return std::clamp(milliseconds(std::min<int64_t>(wanted, kMost.count())), kLeast, kMost);
}

bool Fits(const StsMeaning& known, std::string_view code) {
  std::string_view start = known.code;
  if (start.ends_with('*')) return code.starts_with(start.substr(0, start.size() - 1));
  return code.starts_with(start) && (code.size() == start.size() || code[start.size()] == '.');
}

const StsMeaning* Find(std::string_view code) {
  const auto found = std::find_if(kStsMeanings.begin(), kStsMeanings.end(),
                                  [&](const StsMeaning& known) { return Fits(known, code); });
  return found == kStsMeanings.end() ? nullptr : &*found;
}

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

// Of a code that the table does not know, or none.
StsMeaning Otherwise(const http::Response& response, const std::string& code) {
  using absl::StatusCode;
  if (response.status == 429 || http::HasHeader(response.headers, kRetryAfter))
    return {"", StatusCode::kResourceExhausted, "STS_THROTTLED", false, "too many calls; wait and try again"};
  if (response.status >= 500) return {"", StatusCode::kUnavailable, "STS_UNREACHABLE", false, "try again"};
  if (code.empty())
    return {"", StatusCode::kUnavailable, "STS_ANSWER_INVALID", false,
            "what answered is not STS; the operator checks sts.endpoints and proxies"};
  return {"", StatusCode::kFailedPrecondition, "STS_REFUSED", false,
          "trying again will not help; the operator must act"};
}

}  // namespace

absl::Status StsError(const http::Response& response) {
  const std::string http_status = std::to_string(response.status);
  const auto body = ParseJson(std::string_view(response.body).substr(0, 64 * 1024));
  const bool is_object = body.ok() && body->is_object();
  const std::string code = is_object ? CleanWord(JsonText(body->get_object(), "Code")) : std::string();
  const StsMeaning* known = Find(code);
  const StsMeaning meaning = known != nullptr ? *known : Otherwise(response, code);
  const std::string request_id = is_object ? CleanWord(JsonText(body->get_object(), "RequestId")) : "";
  Failure failure =
      Fail(meaning.status, meaning.reason,
           "STS answered " + (code.empty() ? "HTTP " + http_status : code) + ": " + std::string(meaning.mend))
          .With("http_status", http_status)
          .With("sts_code", code)
          .With("sts_request_id", request_id);
  if (meaning.status == absl::StatusCode::kFailedPrecondition) return failure;
  return std::move(failure).RetryAfter(Pause(response));
}

bool IsOwnKeyRefused(const absl::Status& status) {
  const auto metadata = Metadata(status);
  const auto code = metadata.find("sts_code");
  const StsMeaning* known = code == metadata.end() ? nullptr : Find(code->second);
  return known != nullptr && known->own_key;
}

}  // namespace sluice::aliyun
