// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/identity/caller.h"
#include "services/token_broker/deny_list.h"
#include "services/token_broker/grants.h"
#include "services/token_broker/scope.h"

namespace sluice::broker {

// Where a call comes from, as the edge knows it behind its trusted proxies.
struct Origin {
  // Numeric address; empty where it is not known.
  std::string ip;
  bool tls = false;
};

// What every form has in common.
struct AccessRequest {
  // Empty for the only one held.
  std::string grant;
  // Relative to the grant's prefix.
  std::string path;
  // Numbers as a proto carries them; empty for all that the grant gives.
  std::vector<int> operations;
};

// A request that may be served: who may, where, and what.
struct Access {
  const Grant* grant = nullptr;
  // The caller's own prefix, of which `scope.target` is a part.
  std::string prefix;
  Scope scope;
};

// What a judgement is made from. Of references; for the length of one.
struct Judge {
  const Grants& grants;
  const DenyList& denied;
  const identity::Caller& caller;
  const Origin& origin;
};

// Judges what all forms share, in this order: path, deny list, grant, the grant's conditions, prefix, the
// ticket's own bounds, operations. Anything wider than the grant or the ticket is refused, never cut. Pure.
// Reasons: `PATH_INVALID`, `SUBJECT_DENIED`, `GRANT_NOT_HELD`, `GRANT_AMBIGUOUS`, `GRANT_DENIED`,
// `CONDITION_NOT_MET`, `CLAIM_UNUSABLE`, `OPERATION_INVALID`, and `SCOPE_NOT_GRANTED`, which names in its
// metadata the `field` that is too wide and the `nearest_grant`. An object's scope leaves LIST out when no
// operation was named, since one object is not listed.
absl::StatusOr<Access> JudgeAccess(const Judge& judge, const AccessRequest& request);

// For a subject that the caller asks a ticket for: the same, but by the grants that name the caller as a
// delegate.
absl::StatusOr<Access> JudgeDelegation(const Judge& judge, const identity::Caller& subject,
                                       const AccessRequest& request);

// `PERMISSION_DENIED` `CONDITION_NOT_MET` unless the call comes as the grant wants it. Pure.
absl::Status CheckConditions(const Grant& grant, const Origin& origin);

// `UPLOAD`
std::string OperationName(Operation operation);
// `UPLOAD,LIST`
std::string OperationNames(const std::set<Operation>& operations);

}  // namespace sluice::broker
