// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

// RAM policies as the sandbox understands them. Pure; its own code, so that a mistake of the broker's
// evaluator is not shared.
namespace sluice::sandbox {

struct Condition {
  std::string op;
  std::string key;
  std::vector<std::string> values;
};

// Who asks: a user or role of RAM, an identity provider's subject, a cloud service.
enum class PrincipalKind { kRam, kFederated, kService };

struct Statement {
  bool allow = false;
  std::vector<std::string> actions;
  std::vector<std::string> resources;
  std::vector<std::pair<PrincipalKind, std::string>> principals;
  std::vector<Condition> conditions;
};

struct Policy {
  std::vector<Statement> statements;
};

enum class PolicyKind { kIdentity, kTrust };

// Refuses what the grammar does not name: another Version, unknown members, operators or condition keys.
// Error `POLICY_GRAMMAR`. A trust policy has principals and no resources, an identity policy the other way
// round; the keys `oidc:iss`, `oidc:aud` and `oidc:sub` are for trust policies alone.
absl::StatusOr<Policy> ParsePolicy(std::string_view json, PolicyKind kind = PolicyKind::kIdentity);

// What a request asks for. `context` holds condition keys (`oss:Prefix`) that the request has.
struct Ask {
  std::string action;
  std::string resource;
  // The ARN of a user, a role or a provider, or a service's name.
  std::string principal;
  std::map<std::string, std::string> context;
  PrincipalKind principal_kind = PrincipalKind::kRam;
};

enum class Verdict { kAllowed, kImplicitDeny, kExplicitDeny };
struct Decision {
  Verdict verdict = Verdict::kImplicitDeny;
  // Zero-based; meaningful unless the denial is implicit.
  size_t statement = 0;
};

// Any Deny that matches denies; otherwise one Allow is needed.
Decision Evaluate(const Policy& policy, const Ask& ask);

// `*` any text, `?` any one byte.
bool Matches(std::string_view pattern, std::string_view text, bool ignore_case = false);

}  // namespace sluice::sandbox
