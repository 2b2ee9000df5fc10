// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/signing_sessions.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/policy_proof.h"
#include "services/token_broker/session_name.h"

namespace sluice::broker {
namespace {

constexpr std::chrono::seconds kLastResort{60};

Scope ScopeOf(const Grant& grant) {
  Scope out{grant.bucket, grant.prefix.LiteralStart(), false, grant.operations, {}, grant.tls_only};
  // No form lists.
  out.operations.erase(token::v1::OPERATION_LIST);
  return out;
}

}  // namespace

SigningSessions::SigningSessions(const Grants& grants, Sts& sts, Audit& audit, const Clock& clock,
                                 std::chrono::milliseconds sts_timeout)
    : sts_(sts), audit_(audit), clock_(clock), sts_timeout_(sts_timeout) {
  for (const Grant& grant : grants.all()) entries_[grant.name].grant = &grant;
}

void SigningSessions::Get(const Grant& grant, std::chrono::seconds life, Done done) {
  const Time now = clock_.Now();
  const std::chrono::seconds half = grant.max_ttl / 2;
  Session ready;
  bool mint = false;
  Entry& entry = entries_.at(grant.name);
  {
    std::lock_guard lock(mutex_);
    const bool enough =
        entry.session != nullptr && *entry.session->expiration - now >= std::min<Time::duration>(life, half);
    if (enough) ready = entry.session;
    if (!enough) entry.waiting.push_back(std::move(done));
    mint = !entry.minting && (!enough || *entry.session->expiration - now < half);
    entry.minting = entry.minting || mint;
  }
  if (ready != nullptr) done(std::move(ready));
  if (mint) Mint(entry);
}

void SigningSessions::Mint(Entry& entry) {
  const Grant& grant = *entry.grant;
  AuditRecord record;
  record.method = "SigningSession";
  record.grant = grant.name;
  record.grant_id = NewGrantId();
  record.region = grant.region;
  record.scope = ScopeOf(grant);
  const auto policy = ProvenPolicy(*record.scope);
  const std::string name = SessionName("sluice-signer", record.grant_id);
  if (!policy.ok()) return Take(entry, std::move(record), policy.status());
  record.policy_sha256 = crypto::HexLower(crypto::Sha256(*policy));
  // Nobody's own deadline or cancel: the session is for all.
  sts_.AssumeRole(
      {grant.role_arn, name, *policy, grant.max_ttl}, Deadline::After(sts_timeout_), {},
      [this, &entry, record = std::move(record)](absl::StatusOr<aliyun::Credentials> minted) mutable {
        Take(entry, std::move(record), std::move(minted));
      });
}

void SigningSessions::Take(Entry& entry, AuditRecord record, absl::StatusOr<aliyun::Credentials> minted) {
  const Time now = clock_.Now();
  record.time = now;
  record.allowed = minted.ok();
  if (minted.ok()) {
    record.access_key_id = minted->access_key_id;
    record.expires = minted->expiration;
  } else {
    record.reason = Reason(minted.status());
  }
  const absl::Status recorded = audit_.Accept(record);
  if (minted.ok() && !recorded.ok()) minted = recorded;
  std::vector<Done> waiting;
  absl::StatusOr<Session> answer = Session();
  if (!minted.ok()) answer = minted.status();
  {
    std::lock_guard lock(mutex_);
    if (minted.ok()) entry.session = std::make_shared<const aliyun::Credentials>(*std::move(minted));
    entry.minting = false;
    waiting.swap(entry.waiting);
    if (entry.session != nullptr && *entry.session->expiration - now >= kLastResort) answer = entry.session;
  }
  for (Done& done : waiting) done(answer);
}

}  // namespace sluice::broker
