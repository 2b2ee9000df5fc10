// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/signing_sessions.h"

#include <algorithm>

#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/policy_proof.h"

namespace sluice::broker {
namespace {

constexpr char kSubject[] = "sluice-signer";

Scope ScopeOf(const Grant& grant) {
  Scope out{grant.bucket, grant.prefix.LiteralStart(), false, grant.operations, {}, grant.tls_only};
  // No form lists.
  out.operations.erase(token::v1::OPERATION_LIST);
  return out;
}

}  // namespace

SigningSessions::SigningSessions(const Grants& grants, TokenCache& tokens, Audit& audit, const Clock& clock)
    : tokens_(tokens), planned_([&] {
        std::map<std::string, Planned> out;
        for (const Grant& grant : grants.all()) out.emplace(grant.name, Plan(grant, audit, clock));
        return out;
      }()) {}

SigningSessions::Planned SigningSessions::Plan(const Grant& grant, Audit& audit, const Clock& clock) {
  const Scope scope = ScopeOf(grant);
  const auto policy = ProvenPolicy(scope);
  if (!policy.ok()) return {{}, policy.status()};
  TokenOrder order;
  // No provider of callers has an empty name. Two grants that reach the same do not share a session, since
  // its audit line names one.
  order.key = TokenKey(grant.role_arn, "", std::string(kSubject) + "/" + grant.name, *policy, grant.max_ttl);
  order.role_arn = grant.role_arn;
  order.subject = kSubject;
  order.policy_json = *policy;
  order.life = grant.max_ttl;
  order.last_resort = std::chrono::seconds(60);  // nobody else sees it
  order.urgency = Urgency::kShared;
  order.record = [&audit, &clock, scope = std::make_shared<const Scope>(scope), grant = grant.name,
                  region = grant.region,
                  sha256 = crypto::HexLower(crypto::Sha256(*policy))](const MintedToken& minted) {
    AuditRecord record;
    record.time = clock.Now();
    record.method = "SigningSession";
    record.allowed = true;
    record.grant = grant;
    record.grant_id = minted.grant_id;
    record.region = region;
    record.scope = scope;
    record.policy_sha256 = sha256;
    record.access_key_id = minted.credentials.access_key_id;
    record.expires = minted.expires;
    return audit.Accept(record);
  };
  return {std::move(order), absl::OkStatus()};
}

void SigningSessions::Get(const Grant& grant, std::chrono::seconds life, const rpc::CallContext& context,
                          Done done) {
  const Planned& planned = planned_.at(grant.name);
  if (!planned.refused.ok()) return done(planned.refused);
  // Differs between calls only in what must be left, so all share one token.
  auto order = std::make_shared<TokenOrder>(planned.order);
  order->least_left = std::min(life, grant.max_ttl / 2);
  tokens_.Get(order, context.deadline, context.cancel,
              [keep = context.keepalive, done = std::move(done)](
                  absl::StatusOr<Session> session, TokenAnswer) mutable { done(std::move(session)); });
}

}  // namespace sluice::broker
