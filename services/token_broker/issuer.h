// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"
#include "services/token_broker/audit.h"
#include "services/token_broker/sts.h"
#include "services/token_broker/token_plan.h"

namespace sluice::broker {

// What was minted.
struct IssuedToken {
  TokenPlan plan;
  std::string grant_id;
  aliyun::Credentials credentials;
  Time now;
  Time expires;
  // A third of the life, at least five minutes, ahead of the end.
  Time refresh_after;
};

// The use case behind every token: judge, mint, record, answer; never in another order. Thread-safe.
class Issuer {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<IssuedToken>)>;
  // All must outlive it and the calls under way. `sts_timeout` bounds one AssumeRole.
  Issuer(Sts& sts, Audit& audit, const Clock& clock, std::chrono::milliseconds sts_timeout)
      : sts_(sts), audit_(audit), clock_(clock), sts_timeout_(sts_timeout) {}

  // Errors are those of PlanToken and Sts, and `AUDIT_UNAVAILABLE`. Every decision leaves an audit line, a
  // refused one as well.
  void Issue(const Judge& judge, const token::v1::IssueTokenRequest& request, const rpc::CallContext& context,
             Done done);

 private:
  Sts& sts_;
  Audit& audit_;
  const Clock& clock_;
  const std::chrono::milliseconds sts_timeout_;
};

}  // namespace sluice::broker
