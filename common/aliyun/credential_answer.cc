// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/credential_answer.h"

#include <algorithm>

#include "common/aliyun/sts_error.h"
#include "common/base/iso_time.h"
#include "common/base/json.h"

namespace sluice::aliyun {
namespace {

constexpr std::chrono::seconds kPause{2};

// A whole session that has not ended; else what is wrong with it.
std::string_view ReadKey(const boost::json::object& object, Time now, Credentials& out) {
  out.access_key_id = JsonText(object, "AccessKeyId");
  out.access_key_secret = SecretString(JsonText(object, "AccessKeySecret"));
  out.security_token = SecretString(JsonText(object, "SecurityToken"));
  out.expiration = ParseIsoExtended(JsonText(object, "Expiration"));
  if (!IsCredentialWord(out.access_key_id) || !IsCredentialWord(out.access_key_secret.Reveal()) ||
      !IsCredentialWord(out.security_token.Reveal()))
    return "without a whole key";
  if (!out.expiration) return "without an Expiration such as 2026-01-02T03:04:05Z";
  return *out.expiration <= now ? "with a key that has ended; compare the clocks" : "";
}

}  // namespace

bool IsCredentialWord(std::string_view text) {
  return !text.empty() && text.size() <= 32768 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

Failure CredentialsMissing(std::string_view what) {
  return Fail(absl::StatusCode::kNotFound, "CREDENTIALS_MISSING", what);
}
Failure CredentialsInvalid(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "CREDENTIALS_INVALID", what);
}
Failure CredentialsUnavailable(std::string_view what) {
  return Fail(absl::StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE", what).RetryAfter(kPause);
}

absl::StatusOr<Credentials> ReadCredentialAnswer(const http::Response& response, Time now,
                                                 std::string_view who) {
  const auto unusable = [&](const std::string& what) {
    return CredentialsUnavailable(std::string(who) + " answered " + what);
  };
  if (response.status != 200) return unusable("HTTP " + std::to_string(response.status));
  if (response.body.size() > kLargestCredentialAnswer) return unusable("more than 64 KiB");
  const auto body = ParseJson(response.body);
  if (!body.ok() || !body->is_object()) return unusable("without a JSON object");
  const auto& object = body->get_object();
  if (object.contains("Code") && JsonText(object, "Code") != "Success")
    return unusable("with a Code that is not Success");
  Credentials out;
  const std::string_view wrong = ReadKey(object, now, out);
  if (!wrong.empty()) return unusable(std::string(wrong));
  return out;
}

absl::StatusOr<Credentials> ReadSessionAnswer(const http::Response& response, Time now) {
  if (response.status != 200) return StsError(response);
  const auto body = response.body.size() > kLargestCredentialAnswer
                        ? absl::StatusOr<boost::json::value>(absl::InvalidArgumentError("too large"))
                        : ParseJson(response.body);
  const boost::json::value* member =
      body.ok() && body->is_object() ? body->get_object().if_contains("Credentials") : nullptr;
  Credentials out;
  const std::string_view wrong = member == nullptr || !member->is_object()
                                     ? "without a JSON object that holds Credentials"
                                     : ReadKey(member->get_object(), now, out);
  if (wrong.empty()) return out;
  return Fail(absl::StatusCode::kUnavailable, "STS_ANSWER_INVALID",
              "STS answered 200 " + std::string(wrong) + "; check its address and proxies")
      .RetryAfter(kPause);
}

}  // namespace sluice::aliyun
