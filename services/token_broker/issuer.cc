// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/issuer.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {

void Issuer::Issue(const Asker& asker, const token::v1::IssueTokenRequest& request,
                   const rpc::CallContext& context, Done done) {
  AuditRecord record = BeginRecord("IssueToken", context, asker.caller.get(), clock_.Now());
  auto planned = plans_.Get(asker, request);
  absl::Status refused = planned.status();
  if (planned.ok()) refused = load_.TakeOfGrant((*planned)->plan.access.grant->name);
  if (!refused.ok()) {
    RecordRefusal(audit_, std::move(record), refused, request.grant());
    return done(refused);
  }
  const auto order = (*planned)->order;
  tokens_.Get(
      order, context.deadline, context.cancel,
      [this, planned = *std::move(planned), record = std::move(record), keep = context.keepalive,
       done = std::move(done)](absl::StatusOr<TokenCache::Token> token, TokenAnswer how) mutable {
        const Time now = clock_.Now();
        const TokenPlan& plan = planned->plan;
        metrics_.TokenAsked(how);
        record.time = now;
        record.grant = plan.access.grant->name;
        record.region = plan.access.grant->region;
        record.scope = {planned, &plan.access.scope};
        record.policy_sha256 = planned->policy_sha256;
        if (!token.ok()) {
          record.reason = Reason(token.status());
          (void)audit_.Accept(record);
          return done(token.status());
        }
        const MintedToken& minted = **token;
        record.allowed = true;
        record.grant_id = minted.grant_id;
        record.access_key_id = minted.credentials.access_key_id;
        record.expires = minted.expires;
        if (absl::Status recorded = audit_.Accept(record); !recorded.ok()) return done(recorded);
        metrics_.TokenHandedOut(std::chrono::floor<std::chrono::seconds>(minted.expires - now));
        const Time refresh =
            std::max(std::chrono::floor<std::chrono::seconds>(now),
                     std::chrono::floor<std::chrono::seconds>(minted.expires) - planned->order->least_left);
        done(IssuedToken{std::move(planned), *std::move(token), now, refresh, how, std::move(record)});
      });
}

}  // namespace sluice::broker
