// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_signer.h"

#include "common/base/iso_time.h"
#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"

namespace sluice::aliyun {
namespace {

constexpr char kAlgorithm[] = "OSS4-HMAC-SHA256";
constexpr size_t kKeysKept = 256;

}  // namespace

std::string OssScope(std::string_view date, std::string_view region, std::string_view product) {
  return std::string(date) + "/" + std::string(region) + "/" + std::string(product) + "/aliyun_v4_request";
}

std::string OssStringToSign(std::string_view timestamp, std::string_view scope,
                            std::string_view canonical_request) {
  return std::string(kAlgorithm) + "\n" + std::string(timestamp) + "\n" + std::string(scope) + "\n" +
         crypto::HexLower(crypto::Sha256(canonical_request));
}

SecretString OssSigningKey(const SecretString& secret, std::string_view date, std::string_view region,
                           std::string_view product) {
  const SecretString seed("aliyun_v4" + secret.Reveal());
  const SecretString day(crypto::HmacSha256(seed.Reveal(), date));
  const SecretString place(crypto::HmacSha256(day.Reveal(), region));
  const SecretString service(crypto::HmacSha256(place.Reveal(), product));
  return SecretString(crypto::HmacSha256(service.Reveal(), "aliyun_v4_request"));
}

std::string OssSignature(const SecretString& signing_key, std::string_view string_to_sign) {
  return crypto::HexLower(crypto::HmacSha256(signing_key.Reveal(), string_to_sign));
}

OssSigner::OssSigner(std::string region, std::string product)
    : region_(std::move(region)), product_(std::move(product)) {}

Pairs OssSigner::SignHeaders(OssRequest request, const Credentials& credentials, Time now) {
  const std::string timestamp = IsoBasic(now);
  const std::string date = timestamp.substr(0, 8);
  Pairs added = {{"x-oss-date", timestamp}, {"x-oss-content-sha256", "UNSIGNED-PAYLOAD"}};
  if (!credentials.security_token.empty()) {
    added.emplace_back("x-oss-security-token", credentials.security_token.Reveal());
  }
  request.headers.insert(request.headers.end(), added.begin(), added.end());
  const std::string scope = OssScope(date, region_, product_);
  const std::string signature = OssSignature(KeyFor(credentials.access_key_secret, date),
                                             OssStringToSign(timestamp, scope, OssCanonicalRequest(request)));
  const std::string additional = OssAdditionalHeaders(request);
  added.emplace_back("Authorization", std::string(kAlgorithm) + " Credential=" + credentials.access_key_id +
                                          "/" + scope +
                                          (additional.empty() ? "" : ",AdditionalHeaders=" + additional) +
                                          ",Signature=" + signature);
  return added;
}

absl::StatusOr<Pairs> OssSigner::Presign(OssRequest request, const Credentials& credentials, Time now,
                                         std::chrono::seconds life) {
  if (life < std::chrono::seconds(1) || life > std::chrono::hours(24 * 7)) {
    return Fail(absl::StatusCode::kInvalidArgument, "EXPIRY_INVALID",
                "a presigned URL lives from 1 second to 7 days");
  }
  const std::string timestamp = IsoBasic(now);
  const std::string date = timestamp.substr(0, 8);
  const std::string scope = OssScope(date, region_, product_);
  request.query.emplace_back("x-oss-signature-version", kAlgorithm);
  request.query.emplace_back("x-oss-credential", credentials.access_key_id + "/" + scope);
  request.query.emplace_back("x-oss-date", timestamp);
  request.query.emplace_back("x-oss-expires", std::to_string(life.count()));
  if (const std::string additional = OssAdditionalHeaders(request); !additional.empty()) {
    request.query.emplace_back("x-oss-additional-headers", additional);
  }
  if (!credentials.security_token.empty()) {
    request.query.emplace_back("x-oss-security-token", credentials.security_token.Reveal());
  }
  const std::string signature = OssSignature(KeyFor(credentials.access_key_secret, date),
                                             OssStringToSign(timestamp, scope, OssCanonicalRequest(request)));
  request.query.emplace_back("x-oss-signature", signature);
  return std::move(request.query);
}

Pairs OssSigner::FormFields(const Credentials& credentials, Time now) const {
  const std::string timestamp = IsoBasic(now);
  Pairs out{{"x-oss-signature-version", kAlgorithm},
            {"x-oss-credential",
             credentials.access_key_id + "/" + OssScope(timestamp.substr(0, 8), region_, product_)},
            {"x-oss-date", timestamp}};
  if (!credentials.security_token.empty())
    out.emplace_back("x-oss-security-token", credentials.security_token.Reveal());
  return out;
}

std::string OssSigner::SignForm(std::string_view policy_base64, const Credentials& credentials, Time now) {
  return OssSignature(KeyFor(credentials.access_key_secret, IsoBasic(now).substr(0, 8)), policy_base64);
}

SecretString OssSigner::KeyFor(const SecretString& secret, std::string_view date) {
  // Named by a digest, so that the table holds no secret as a key.
  std::string name = std::string(date) + crypto::Sha256(secret.Reveal());
  std::lock_guard lock(mutex_);
  if (auto found = keys_.find(name); found != keys_.end()) {
    used_.splice(used_.begin(), used_, found->second);
    return used_.front().key;
  }
  used_.push_front({name, OssSigningKey(secret, date, region_, product_)});
  keys_[std::move(name)] = used_.begin();
  if (used_.size() > kKeysKept) {
    keys_.erase(used_.back().name);
    used_.pop_back();
  }
  return used_.front().key;
}

}  // namespace sluice::aliyun
