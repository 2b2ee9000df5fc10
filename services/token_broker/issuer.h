// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"
#include "services/token_broker/audit.h"
#include "services/token_broker/broker_metrics.h"
#include "services/token_broker/load.h"
#include "services/token_broker/token_cache.h"
#include "services/token_broker/token_plans.h"

namespace sluice::broker {

// What was minted, now or for an earlier answer.
struct IssuedToken {
  TokenPlans::Plan planned;
  TokenCache::Token token;
  Time now;
  // When a client should ask again: from then on the cache gives another token.
  Time refresh_after;
  TokenAnswer how = TokenAnswer::kMiss;
  // What was recorded of it.
  AuditRecord record;
};

// The use case behind every token: judge, reserve, mint, record, answer; never in another order. Thread-safe.
class Issuer {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<IssuedToken>)>;
  // All must outlive it and the calls under way. `plans_bytes` bounds what is remembered of judgements.
  Issuer(TokenCache& tokens, Load& load, Audit& audit, BrokerMetrics& metrics, const Clock& clock,
         uint64_t plans_bytes)
      : tokens_(tokens), load_(load), audit_(audit), metrics_(metrics), clock_(clock), plans_(plans_bytes) {}

  // Errors are those of PlanToken, Load::TakeOfGrant and TokenCache, and `AUDIT_UNAVAILABLE`. Every decision
  // leaves an audit line, a refused one as well.
  void Issue(const Asker& asker, const token::v1::IssueTokenRequest& request, const rpc::CallContext& context,
             Done done);
  // The plan of a request with these bytes that was judged before; null for nothing.
  TokenPlans::Plan Planned(const Asker& asker, std::string_view request) {
    return plans_.Find(asker, request);
  }
  uint64_t remembered_bytes() const { return plans_.bytes(); }

 private:
  TokenCache& tokens_;
  Load& load_;
  Audit& audit_;
  BrokerMetrics& metrics_;
  const Clock& clock_;
  TokenPlans plans_;
};

}  // namespace sluice::broker
