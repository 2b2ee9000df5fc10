// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/aliyun/credential_provider.h"
#include "common/base/environment.h"

namespace sluice::aliyun {

// A key from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for an STS key,
// ALIBABA_CLOUD_SECURITY_TOKEN. Not set up when neither of the first two is. An STS key ends at a time that
// the environment does not tell, so it is used for as long as it is there.
class EnvironmentCredentials final : public CredentialProvider {
 public:
  explicit EnvironmentCredentials(Environment environment) : environment_(std::move(environment)) {}
  std::string name() const override { return "env"; }
  std::string description() const override { return "environment variables"; }
  absl::StatusOr<Credentials> Fetch(Deadline deadline, CancelToken cancel) override;

 private:
  const Environment environment_;
};

}  // namespace sluice::aliyun
