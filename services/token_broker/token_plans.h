// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/bounded_cache.h"
#include "services/token_broker/ready_answer.h"
#include "services/token_broker/token_cache.h"
#include "services/token_broker/token_plan.h"

namespace sluice::broker {

// Somebody who was recognised, and what its requests are judged by. Kept by whoever remembers the judgement.
struct Asker {
  const Grants& grants;
  std::shared_ptr<const DenyList> denied;
  std::shared_ptr<const identity::Caller> caller;
  Origin origin;

  Judge judge() const { return {grants, *denied, *caller, origin}; }
};

// A token that may be minted, and what it is minted from.
struct PlannedToken {
  TokenPlan plan;
  std::shared_ptr<const TokenOrder> order;
  // Lower-case hex, for the audit.
  std::string policy_sha256;
  // What it was answered with last.
  mutable ReadySlot ready;
};

// PlanToken, remembered: a judgement is pure, so the same caller with the same request from the same place,
// under the same deny list, is judged once. A refusal is not remembered. Thread-safe; never blocks.
class TokenPlans {
 public:
  using Plan = std::shared_ptr<const PlannedToken>;
  explicit TokenPlans(uint64_t max_bytes) : remembered_(max_bytes) {}

  // Always of the same `asker.grants`. Errors are those of PlanToken.
  absl::StatusOr<Plan> Get(const Asker& asker, const token::v1::IssueTokenRequest& request);
  // What Get remembers of the request with these bytes; null for nothing.
  Plan Find(const Asker& asker, std::string_view request);
  uint64_t bytes() const { return remembered_.cost(); }

 private:
  // Holds what its name names by address, so that no other can come to have it.
  struct Entry {
    std::shared_ptr<const identity::Caller> caller;
    std::shared_ptr<const DenyList> denied;
    Plan plan;
  };
  BoundedCache<const Entry> remembered_;
};

}  // namespace sluice::broker
