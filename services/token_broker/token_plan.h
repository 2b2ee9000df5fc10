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

// Whoever judges asks with these.
struct Judge {
  const Grants& grants;
  const DenyList& denied;
  const identity::Caller& caller;
  const Origin& origin;
};

// Judges a request: access, life, limits, policy, proof. Pure. Refuses with the reasons of the proto's
// comments. A grant's conditions go into the policy, since a token is used without the broker.
absl::StatusOr<TokenPlan> PlanToken(const Judge& judge, const token::v1::IssueTokenRequest& request);

// The life of a token, or with `shortest` of something else: what is asked for, from `shortest` to the
// grant's maximum, `otherwise` when nothing is. `TTL_INVALID`, `SCOPE_NOT_GRANTED`. Pure.
absl::StatusOr<std::chrono::seconds> ChooseTtl(const Grant& grant, const google::protobuf::Duration* asked,
                                               std::chrono::seconds shortest, std::chrono::seconds otherwise,
                                               std::chrono::seconds longest);

// A policy that gives exactly `scope`, proven. Pure.
absl::StatusOr<std::string> ProvenPolicy(const Scope& scope);

}  // namespace sluice::broker
