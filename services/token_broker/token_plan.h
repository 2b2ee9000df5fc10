// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "common/identity/caller.h"
#include "services/token_broker/grants.h"
#include "services/token_broker/scope.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// A token that may be minted: everything was judged, nothing was asked of STS.
struct TokenPlan {
  const Grant* grant = nullptr;
  Scope scope;
  // Proven to give `scope` and nothing else.
  std::string policy_json;
  std::chrono::seconds ttl{};
};

// Judges a request: grant, path, operations, life, policy, proof. Pure. Refuses with the reasons of the
// proto's comments; `SCOPE_NOT_GRANTED` names in its metadata the `field` that is too wide and the
// `nearest_grant`. An object's scope leaves LIST out when no operation was named, since one object is not
// listed.
absl::StatusOr<TokenPlan> PlanToken(const Grants& grants, const identity::Caller& caller,
                                    const token::v1::IssueTokenRequest& request);

// `UPLOAD`
std::string OperationName(Operation operation);
// `UPLOAD,LIST`
std::string OperationNames(const std::set<Operation>& operations);

}  // namespace sluice::broker
