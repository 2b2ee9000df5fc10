// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/aliyun_sts.h"

#include "common/aliyun/api_signer.h"
#include "common/aliyun/sts_error.h"
#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"

namespace sluice::broker {
namespace {

Failure Invalid(std::string_view what) {
  return Fail(absl::StatusCode::kUnavailable, "STS_ANSWER_INVALID",
              "STS answered 200 without " + std::string(what) +
                  "; the operator checks sts.endpoints and proxies")
      .RetryAfter(std::chrono::seconds(1));
}

absl::StatusOr<aliyun::Credentials> ReadCredentials(const http::Response& response, Time now,
                                                    std::chrono::seconds life) {
  if (response.status != 200) return aliyun::StsError(response);
  auto body = ParseJson(response.body);
  if (!body.ok() || !body->is_object()) return Invalid("a JSON object");
  const auto* member = body->get_object().if_contains("Credentials");
  if (member == nullptr || !member->is_object()) return Invalid("Credentials");
  const auto& object = member->get_object();
  aliyun::Credentials out{
      std::string(JsonText(object, "AccessKeyId")), SecretString(JsonText(object, "AccessKeySecret")),
      SecretString(JsonText(object, "SecurityToken")), ParseIsoExtended(JsonText(object, "Expiration"))};
  if (out.access_key_id.empty() || out.access_key_secret.empty() || out.security_token.empty())
    return Invalid("a whole key");
  // A clock that is off by minutes is common; a life that is not the one asked for is not from STS.
  constexpr auto kSkew = std::chrono::minutes(15);
  if (!out.expiration || *out.expiration <= now || *out.expiration > now + life + kSkew)
    return Invalid("an Expiration that fits the life asked for");
  return out;
}

// A fixed key that STS refuses is for the operator; a session that has ended is not, since another is
// fetched.
absl::Status OwnKeyRefused(const absl::Status& status, const aliyun::Credentials& own) {
  if (own.security_token.empty()) return status;
  const auto metadata = Metadata(status);
  return Fail(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING",
              "STS takes the broker's own session no longer and another is fetched; try again, and check the "
              "source of the key with `sluice doctor` if this goes on")
      .With("sts_code", metadata.at("sts_code"))
      .With("sts_request_id", metadata.at("sts_request_id"))
      .RetryAfter(std::chrono::seconds(1));
}

absl::Status Unreachable(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kCancelled)
    return Fail(status.code(), "CALL_CANCELLED", "the caller no longer waits");
  return Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
              status.code() == absl::StatusCode::kDeadlineExceeded
                  ? "STS did not answer in time; try again"
                  : "STS cannot be reached; try again, and check the network and sts.endpoints")
      .RetryAfter(std::chrono::seconds(1));
}

}  // namespace

void AliyunSts::AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) {
  const aliyun::ApiCall call{endpoint_,
                             "AssumeRole",
                             "2015-04-01",
                             {{"RoleArn", request.role_arn},
                              {"RoleSessionName", request.session_name},
                              {"DurationSeconds", std::to_string(request.life.count())},
                              {"Policy", request.policy_json}}};
  const auto own = own_.Current();
  if (own == nullptr)
    return done(Fail(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING",
                     "the broker has no key of its own at the moment; try again")
                    .RetryAfter(std::chrono::seconds(2)));
  const std::string nonce = crypto::HexLower(crypto::RandomBytes(16));
  client_.Send(aliyun::SignApiCall(call, *own, clock_.Now(), nonce), deadline, std::move(cancel),
               [this, own, life = request.life,
                done = std::move(done)](absl::StatusOr<http::Response> response) mutable {
                 if (!response.ok()) return done(Unreachable(response.status()));
                 auto minted = ReadCredentials(*response, clock_.Now(), life);
                 if (!aliyun::IsOwnKeyRefused(minted.status())) return done(std::move(minted));
                 // Late answers about a key that is no longer in use renew nothing.
                 if (own_.Current() == own) own_.Renew();
                 done(OwnKeyRefused(minted.status(), *own));
               });
}

}  // namespace sluice::broker
