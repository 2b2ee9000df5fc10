// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/aliyun/credential_provider.h"
#include "common/base/clock.h"
#include "common/base/environment.h"
#include "common/http/client.h"

namespace sluice::aliyun {

// The key that `uri` answers: https, or http on this machine, since anybody on the way could read it. Waits
// three seconds. The address itself may be a secret and is in no error. `client` and `clock` must outlive the
// call. Errors as CredentialProvider::Fetch.
absl::StatusOr<Credentials> FetchUriKey(const std::string& uri, http::Client& client, const Clock& clock,
                                        Deadline deadline, const CancelToken& cancel);

// The same as ALIBABA_CLOUD_CREDENTIALS_URI says.
class UriCredentials final : public CredentialProvider {
 public:
  // `client` and `clock` must outlive it.
  UriCredentials(Environment environment, http::Client& client, const Clock& clock)
      : environment_(std::move(environment)), client_(client), clock_(clock) {}
  std::string name() const override { return "uri"; }
  std::string description() const override { return "ALIBABA_CLOUD_CREDENTIALS_URI"; }
  absl::StatusOr<Credentials> Fetch(Deadline deadline, CancelToken cancel) override;

 private:
  const Environment environment_;
  http::Client& client_;
  const Clock& clock_;
};

}  // namespace sluice::aliyun
