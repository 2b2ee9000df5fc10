// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/aliyun/credential_provider.h"
#include "common/base/clock.h"
#include "common/base/environment.h"
#include "common/http/client.h"

namespace sluice::aliyun {

struct InstanceMetadata {
  // Scheme and host.
  std::string endpoint = "http://100.100.100.200";
  // The instance's role; empty to ask for it.
  std::string role_name;
  // Whether to try without a token where none is to be had (v1).
  bool allow_v1 = true;
};

// The key of the instance's role. Waits a second for each answer. `client` and `clock` must outlive the call.
// Where the role is not named, an address that does not answer or an instance without a role is
// `CREDENTIALS_MISSING`; further errors as CredentialProvider::Fetch.
absl::StatusOr<Credentials> FetchInstanceKey(const InstanceMetadata& of, http::Client& client,
                                             const Clock& clock, Deadline deadline,
                                             const CancelToken& cancel);

// The same as ALIBABA_CLOUD_ECS_METADATA (the role), ALIBABA_CLOUD_IMDSV1_DISABLED and
// ALIBABA_CLOUD_ECS_METADATA_DISABLED say.
class InstanceCredentials final : public CredentialProvider {
 public:
  // `client` and `clock` must outlive it.
  InstanceCredentials(Environment environment, http::Client& client, std::string endpoint, const Clock& clock)
      : environment_(std::move(environment)),
        client_(client),
        endpoint_(std::move(endpoint)),
        clock_(clock) {}
  std::string name() const override { return "ecs"; }
  std::string description() const override { return "instance metadata at " + endpoint_; }
  absl::StatusOr<Credentials> Fetch(Deadline deadline, CancelToken cancel) override;

 private:
  const Environment environment_;
  http::Client& client_;
  const std::string endpoint_;
  const Clock& clock_;
};

}  // namespace sluice::aliyun
