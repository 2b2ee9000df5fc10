// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/issuer.h"

#include "common/base/status.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/session_name.h"

namespace sluice::broker {

void Issuer::Issue(const Judge& judge, const token::v1::IssueTokenRequest& request,
                   const rpc::CallContext& context, Done done) {
  AuditRecord record = BeginRecord("IssueToken", context, &judge.caller, clock_.Now());
  auto plan = PlanToken(judge, request);
  if (!plan.ok()) {
    RecordRefusal(audit_, std::move(record), plan.status(), request.grant());
    return done(plan.status());
  }
  const std::string grant_id = NewGrantId();
  const Grant& grant = *plan->access.grant;
  record.grant = grant.name;
  record.grant_id = grant_id;
  record.region = grant.region;
  record.scope = plan->access.scope;
  record.policy_sha256 = crypto::HexLower(crypto::Sha256(plan->policy_json));
  AssumeRoleRequest mint{grant.role_arn, SessionName(judge.caller.subject, grant_id), plan->policy_json,
                         plan->ttl};
  sts_.AssumeRole(std::move(mint), context.deadline.Sooner(Deadline::After(sts_timeout_)), context.cancel,
                  [this, plan = *std::move(plan), grant_id, record = std::move(record),
                   done = std::move(done)](absl::StatusOr<aliyun::Credentials> minted) mutable {
                    const Time now = clock_.Now();
                    record.time = now;
                    if (!minted.ok()) {
                      record.reason = Reason(minted.status());
                      (void)audit_.Accept(record);
                      return done(minted.status());
                    }
                    record.allowed = true;
                    record.access_key_id = minted->access_key_id;
                    record.expires = minted->expiration;
                    if (absl::Status recorded = audit_.Accept(record); !recorded.ok()) return done(recorded);
                    const Time expires = *minted->expiration;
                    const auto ahead = std::max<Time::duration>((expires - now) / 3, std::chrono::minutes(5));
                    const Time refresh =
                        std::chrono::floor<std::chrono::seconds>(std::max(now, expires - ahead));
                    done(IssuedToken{std::move(plan), grant_id, *std::move(minted), now, expires, refresh});
                  });
}

}  // namespace sluice::broker
