// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_plan.h"

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/policy_proof.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

constexpr std::chrono::seconds kShortestTtl{900};

}  // namespace

absl::StatusOr<std::chrono::seconds> ChooseTtl(const Grant& grant, const google::protobuf::Duration* asked,
                                               std::chrono::seconds shortest, std::chrono::seconds otherwise,
                                               std::chrono::seconds longest) {
  if (asked == nullptr) return otherwise;
  const int64_t seconds = asked->seconds();
  if (asked->nanos() != 0 || seconds < shortest.count()) {
    return Fail(absl::StatusCode::kInvalidArgument, "TTL_INVALID",
                "ttl is a whole number of seconds, at least " + std::to_string(shortest.count()) +
                    (shortest == kShortestTtl ? " (the minimum of STS)" : ""));
  }
  if (seconds > longest.count()) {
    return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED",
                "the grant " + grant.name + " gives at most " + std::to_string(longest.count()) + " s of ttl")
        .With("field", "ttl")
        .With("nearest_grant", grant.name);
  }
  return std::chrono::seconds(seconds);
}

absl::StatusOr<std::string> ProvenPolicy(const Scope& scope) {
  ASSIGN_OR_RETURN(std::string policy, CompileSessionPolicy(scope));
  RETURN_IF_ERROR(ProvePolicy(policy, scope));
  return policy;
}

absl::StatusOr<TokenPlan> PlanToken(const Judge& judge, const token::v1::IssueTokenRequest& request) {
  TokenPlan plan;
  ASSIGN_OR_RETURN(plan.access, JudgeAccess(judge.grants, judge.denied, judge.caller, judge.origin,
                                            {request.grant(),
                                             request.path(),
                                             {request.operations().begin(), request.operations().end()}}));
  const Grant& grant = *plan.access.grant;
  Scope& scope = plan.access.scope;
  ASSIGN_OR_RETURN(plan.ttl, ChooseTtl(grant, request.has_ttl() ? &request.ttl() : nullptr, kShortestTtl,
                                       grant.default_ttl, grant.max_ttl));
  if (scope.operations.contains(token::v1::OPERATION_UPLOAD) && grant.limits.binding())
    return NotEnforceable(
        "the grant " + grant.name +
        " limits size or type, which a token cannot hold; ask for operations without UPLOAD, "
        "or upload with SignUrl, SignPostForm or PlanUpload");
  for (const IpRange& range : grant.source_ips) scope.source_ips.push_back(range.text());
  scope.tls_only = grant.tls_only;
  ASSIGN_OR_RETURN(plan.policy_json, ProvenPolicy(scope));
  return plan;
}

}  // namespace sluice::broker
