// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/aliyun/credential_provider.h"
#include "common/aliyun/profile_credentials.h"
#include "common/base/clock.h"
#include "common/base/environment.h"
#include "common/http/client.h"

namespace sluice::aliyun {

using CredentialChain = std::vector<std::unique_ptr<CredentialProvider>>;

// The ways of those names, in that order: `env`, `oidc`, `profile`, `ecs`, `uri`. Any other name is left out.
// `client` and `clock` must outlive them.
CredentialChain MakeCredentialChain(const std::vector<std::string>& names, const Environment& environment,
                                    http::Client& client, const CredentialServers& servers,
                                    const Clock& clock);

// Asks a chain. The first way that is set up counts, whatever it answers, and is the only one from then on.
// One thread at a time.
class ChainedCredentials {
 public:
  explicit ChainedCredentials(CredentialChain chain) : chain_(std::move(chain)) {}
  // Blocks until the deadline at the latest. `NOT_FOUND` `CREDENTIALS_MISSING` names every way and what it
  // lacks; else the key, or the error of the way that counts, with its name in front.
  absl::StatusOr<Credentials> Fetch(Deadline deadline, const CancelToken& cancel);
  // The way that counts; null while none is set up.
  const CredentialProvider* chosen() const { return chosen_; }

 private:
  const CredentialChain chain_;
  CredentialProvider* chosen_ = nullptr;
};

}  // namespace sluice::aliyun
