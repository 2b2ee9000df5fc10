// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "services/token_broker/access.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// A token that may be minted: everything was judged, nothing was asked of STS.
struct TokenPlan {
  Access access;
  // Proven to give `access.scope` and nothing else.
  std::string policy_json;
  std::chrono::seconds ttl{};
};

// Judges a request: access, life, limits, policy, proof. Pure. Refuses with the reasons of the proto's
// comments. A grant's conditions go into the policy, since a token is used without the broker.
absl::StatusOr<TokenPlan> PlanToken(const Judge& judge, const token::v1::IssueTokenRequest& request);

}  // namespace sluice::broker
