// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"
#include "services/token_broker/audit.h"
#include "services/token_broker/grants.h"
#include "services/token_broker/token_cache.h"

namespace sluice::broker {

// One token of STS per grant, with which URLs and forms for all its callers are signed, so that they cost no
// AssumeRole each. It never leaves the broker. Its policy reaches the literal start of the grant's prefix;
// what one caller gets is bound by the signature. Thread-safe; never blocks.
class SigningSessions {
 public:
  using Session = TokenCache::Token;
  using Done = absl::AnyInvocable<void(absl::StatusOr<Session>)>;

  // All must outlive it and the calls under way.
  SigningSessions(const Grants& grants, TokenCache& tokens, Audit& audit, const Clock& clock);

  // Calls `done` exactly once with a session of `grant`, which is one of the grants given, whose life left is
  // at least `life`, or half of the grant's longest. Each one minted leaves an audit line before it signs.
  // Errors are those of TokenCache, `POLICY_NOT_PROVEN` and `AUDIT_UNAVAILABLE`.
  void Get(const Grant& grant, std::chrono::seconds life, const rpc::CallContext& context, Done done);

 private:
  // A session of the grant, and why there can be none.
  struct Planned {
    TokenOrder order;
    absl::Status refused;
  };
  static Planned Plan(const Grant& grant, Audit& audit, const Clock& clock);

  TokenCache& tokens_;
  // By grant.
  const std::map<std::string, Planned> planned_;
};

}  // namespace sluice::broker
