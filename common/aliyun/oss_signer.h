// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "common/aliyun/canonical_request.h"
#include "common/aliyun/credentials.h"

// OSS4-HMAC-SHA256. The steps are pure; the signer adds the cache of signing keys.
namespace sluice::aliyun {

// `YYYYMMDD/<region>/<product>/aliyun_v4_request`
std::string OssScope(std::string_view date, std::string_view region, std::string_view product = "oss");
std::string OssStringToSign(std::string_view timestamp, std::string_view scope,
                            std::string_view canonical_request);
// Raw bytes. `date` is `YYYYMMDD`.
SecretString OssSigningKey(const SecretString& secret, std::string_view date, std::string_view region,
                           std::string_view product = "oss");
// Lower-case hex.
std::string OssSignature(const SecretString& signing_key, std::string_view string_to_sign);

// Signs for one region and product. Thread-safe; keeps the signing keys of the 256 secrets used last.
class OssSigner {
 public:
  explicit OssSigner(std::string region, std::string product = "oss");

  // The headers to send besides the request's own: x-oss-date, x-oss-content-sha256, x-oss-security-token,
  // Authorization.
  Pairs SignHeaders(OssRequest request, const Credentials& credentials, Time now);

  // The query to send: the request's own plus x-oss-*, which `request.headers` that are signed must accompany
  // unchanged. `life` is 1 s to 7 days, else `EXPIRY_INVALID`; it ends earlier with the credentials.
  absl::StatusOr<Pairs> Presign(OssRequest request, const Credentials& credentials, Time now,
                                std::chrono::seconds life);

  // The fields that name the signature of a form, in OSS's order: version, credential, date, and the token of
  // an STS key. They must also stand in the form's policy.
  Pairs FormFields(const Credentials& credentials, Time now) const;
  // The signature of a form, over its policy in base64.
  std::string SignForm(std::string_view policy_base64, const Credentials& credentials, Time now);

 private:
  SecretString KeyFor(const SecretString& secret, std::string_view date);

  const std::string region_;
  const std::string product_;
  struct Entry {
    std::string name;
    SecretString key;
  };
  std::mutex mutex_;
  std::list<Entry> used_;                                             // guarded by mutex_; latest first
  std::unordered_map<std::string, std::list<Entry>::iterator> keys_;  // guarded by mutex_
};

}  // namespace sluice::aliyun
