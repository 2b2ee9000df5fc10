// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "common/aliyun/canonical_request.h"
#include "common/aliyun/credentials.h"
#include "common/aliyun/oss_signer.h"
#include "common/base/clock.h"
#include "common/http/client.h"
#include "services/token_broker/grants.h"

namespace sluice::broker {

// What OSS says of a right.
enum class Right { kGiven, kDenied, kUnclear };
struct RightAnswer {
  Right right = Right::kUnclear;
  // What was answered, where the right is not given.
  absl::Status why;
};

// Whether an answer to a probe shows that the request was allowed: it succeeded, or failed only behind the
// judgement of rights (a wrong Content-MD5, an upload or object that does not exist). Pure.
RightAnswer ReadRight(const absl::StatusOr<http::Response>& response);

// Asks OSS with one session what that session may do below one prefix. Only Put and PutSymlink leave
// anything, where they are allowed; every other probe leaves nothing whatever the rights are. Each call
// blocks, for at most five seconds.
class DoctorProbe {
 public:
  // `client` and `clock` must outlive it.
  DoctorProbe(http::Client& client, const Grant& grant, aliyun::Credentials session, const Clock& clock,
              std::chrono::milliseconds patience);

  absl::StatusOr<http::Response> Put(const std::string& key, const std::string& body);
  // Begins a link to `target` in the same bucket.
  absl::StatusOr<http::Response> PutSymlink(const std::string& key, const std::string& target);
  absl::StatusOr<http::Response> Get(const std::string& key);
  // 204 too when there is no such object.
  absl::StatusOr<http::Response> Delete(const std::string& key);
  // A Put whose Content-MD5 does not fit, so that nothing is stored; with that ACL unless it is empty.
  absl::StatusOr<http::Response> PutNothing(const std::string& key, const std::string& acl = "");
  // Of an upload that does not exist.
  absl::StatusOr<http::Response> ListParts(const std::string& key);
  absl::StatusOr<http::Response> AbortUpload(const std::string& key);
  // Of an object that must not exist.
  absl::StatusOr<http::Response> PutTags(const std::string& key);
  // One name; of the whole bucket when `prefix` is empty.
  absl::StatusOr<http::Response> List(const std::string& prefix);

 private:
  absl::StatusOr<http::Response> Send(aliyun::OssRequest request, std::string body = "");

  http::Client& client_;
  const std::string bucket_;
  const std::string base_url_;
  const aliyun::Credentials session_;
  const Clock& clock_;
  const std::chrono::milliseconds patience_;
  aliyun::OssSigner signer_;
};

}  // namespace sluice::broker
