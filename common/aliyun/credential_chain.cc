// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/credential_chain.h"

#include "common/aliyun/credential_answer.h"
#include "common/aliyun/environment_credentials.h"
#include "common/aliyun/instance_credentials.h"
#include "common/aliyun/oidc_credentials.h"
#include "common/aliyun/uri_credentials.h"
#include "common/base/text.h"

namespace sluice::aliyun {

CredentialChain MakeCredentialChain(const std::vector<std::string>& names, const Environment& environment,
                                    http::Client& client, const CredentialServers& servers,
                                    const Clock& clock) {
  CredentialChain out;
  for (const std::string& name : names) {
    if (name == "env") out.push_back(std::make_unique<EnvironmentCredentials>(environment));
    if (name == "oidc")
      out.push_back(std::make_unique<OidcCredentials>(environment, client, servers.sts_endpoints, clock));
    if (name == "profile")
      out.push_back(std::make_unique<ProfileCredentials>(environment, client, servers, clock));
    if (name == "ecs")
      out.push_back(
          std::make_unique<InstanceCredentials>(environment, client, servers.metadata_endpoint, clock));
    if (name == "uri") out.push_back(std::make_unique<UriCredentials>(environment, client, clock));
  }
  return out;
}

absl::StatusOr<Credentials> ChainedCredentials::Fetch(Deadline deadline, const CancelToken& cancel) {
  const auto named = [](const CredentialProvider& way, const absl::Status& status) {
    return way.name() + ": " + std::string(FromAbsl(status.message()));
  };
  const auto told = [&](const absl::Status& status) -> absl::Status {
    // What was set up once and is gone may come back.
    if (absl::IsNotFound(status)) return CredentialsUnavailable(named(*chosen_, status));
    return Fail(status.code(), Reason(status), named(*chosen_, status));
  };
  if (chosen_ != nullptr) {
    auto key = chosen_->Fetch(deadline, cancel);
    return key.ok() ? key : told(key.status());
  }
  std::string lacks;
  for (const auto& way : chain_) {
    auto key = way->Fetch(deadline, cancel);
    if (!key.ok() && absl::IsNotFound(key.status())) {
      lacks += "; " + named(*way, key.status());
      continue;
    }
    chosen_ = way.get();
    return key.ok() ? key : told(key.status());
  }
  return CredentialsMissing("no way to a key is set up" + lacks);
}

}  // namespace sluice::aliyun
