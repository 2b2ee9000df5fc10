// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "common/aliyun/refreshed_credentials.h"
#include "common/base/environment.h"
#include "common/http/client.h"
#include "services/token_broker/config.h"

namespace sluice::broker {

// A client for whoever gives keys: small answers, and no long wait for an address where nobody is.
std::unique_ptr<http::Client> MakeKeyClient();

// The broker's own key from the chain of the config. Outside development the sandbox's public keys are
// refused, whoever gives them and whenever. All must outlive it. Blocks and fails as
// RefreshedCredentials::Start.
absl::StatusOr<std::unique_ptr<aliyun::RefreshedCredentials>> OpenOwnKey(const Settings& settings,
                                                                         const Environment& environment,
                                                                         http::Client& client,
                                                                         const Clock& clock, Timers& timers,
                                                                         telemetry::Log& log);

}  // namespace sluice::broker
