// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/aliyun/credential_source.h"
#include "common/base/clock.h"
#include "common/http/client.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// The real STS over HTTP, signed with ACS3-HMAC-SHA256 and the broker's own key. One attempt per call. When
// STS refuses that key, its source is told to renew it; if it was a session, that is
// `OWN_CREDENTIALS_MISSING`.
class AliyunSts final : public Sts {
 public:
  // `endpoint` is scheme and host. All must outlive it and the calls under way.
  AliyunSts(http::Client& client, std::string endpoint, aliyun::CredentialSource& own, const Clock& clock)
      : client_(client), endpoint_(std::move(endpoint)), own_(own), clock_(clock) {}
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

 private:
  http::Client& client_;
  const std::string endpoint_;
  aliyun::CredentialSource& own_;
  const Clock& clock_;
};

}  // namespace sluice::broker
