// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/aliyun/credential_provider.h"
#include "common/aliyun/sts_session.h"
#include "common/base/clock.h"
#include "common/base/environment.h"
#include "common/http/client.h"

namespace sluice::aliyun {

struct OidcSession {
  SessionOptions session;
  // `acs:ram::<account>:oidc-provider/<name>`.
  std::string provider_arn;
  // Read at each fetch, since Kubernetes writes a new one before the old ends.
  std::string token_file;
};

// A session by AssumeRoleWithOIDC, which needs no signature: RRSA on Kubernetes.
// `client` and `clock` must outlive the call. Errors as CredentialProvider::Fetch.
absl::StatusOr<Credentials> FetchOidcSession(const OidcSession& of, http::Client& client,
                                             const std::vector<std::string>& sts_endpoints,
                                             const Clock& clock, Deadline deadline,
                                             const CancelToken& cancel);

// The same as ALIBABA_CLOUD_ROLE_ARN, ALIBABA_CLOUD_OIDC_PROVIDER_ARN, ALIBABA_CLOUD_OIDC_TOKEN_FILE and
// ALIBABA_CLOUD_ROLE_SESSION_NAME say. Not set up when the provider or the file is not named.
class OidcCredentials final : public CredentialProvider {
 public:
  // `client` and `clock` must outlive it.
  OidcCredentials(Environment environment, http::Client& client, std::vector<std::string> sts_endpoints,
                  const Clock& clock)
      : environment_(std::move(environment)),
        client_(client),
        sts_endpoints_(std::move(sts_endpoints)),
        clock_(clock) {}
  std::string name() const override { return "oidc"; }
  std::string description() const override { return description_; }
  absl::StatusOr<Credentials> Fetch(Deadline deadline, CancelToken cancel) override;

 private:
  const Environment environment_;
  http::Client& client_;
  const std::vector<std::string> sts_endpoints_;
  const Clock& clock_;
  std::string description_;
};

}  // namespace sluice::aliyun
