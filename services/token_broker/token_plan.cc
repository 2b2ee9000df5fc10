// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_plan.h"

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/policy_proof.h"
#include "services/token_broker/ttl.h"

namespace sluice::broker {

absl::StatusOr<TokenPlan> PlanToken(const Judge& judge, const token::v1::IssueTokenRequest& request) {
  TokenPlan plan;
  ASSIGN_OR_RETURN(plan.access,
                   JudgeAccess(judge, {request.grant(),
                                       request.path(),
                                       {request.operations().begin(), request.operations().end()}}));
  const Grant& grant = *plan.access.grant;
  Scope& scope = plan.access.scope;
  ASSIGN_OR_RETURN(plan.ttl, ChooseTtl(grant, request.has_ttl() ? &request.ttl() : nullptr, kShortestSession,
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
