// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/token_plan.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/object_path.h"
#include "services/token_broker/policy_proof.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

constexpr size_t kLongestKey = 1023;  // OSS's limit for an object's name, in UTF-8 bytes
constexpr std::chrono::seconds kShortestTtl{900};

// The first other grant of the caller's that gives the operation; the chosen one when there is none.
const Grant& Nearest(const Grants& grants, const identity::Caller& caller, const Grant& chosen,
                     Operation operation) {
  for (const Grant* grant : grants.HeldBy(caller)) {
    if (grant->operations.contains(operation)) return *grant;
  }
  return chosen;
}

absl::StatusOr<std::set<Operation>> ChooseOperations(const Grants& grants, const identity::Caller& caller,
                                                     const Grant& grant, const ObjectPath& path,
                                                     const token::v1::IssueTokenRequest& request) {
  std::set<Operation> out;
  for (int number : request.operations()) {
    if (!token::v1::Operation_IsValid(number) || number == token::v1::OPERATION_UNSPECIFIED) {
      return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                  "an operation is one of UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE");
    }
    const auto operation = static_cast<Operation>(number);
    if (!grant.operations.contains(operation)) {
      const Grant& nearest = Nearest(grants, caller, grant, operation);
      return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED",
                  "the grant " + grant.name + " does not give " + OperationName(operation) +
                      "; the nearest of yours is " + nearest.name + " with " +
                      OperationNames(nearest.operations))
          .With("field", "operations")
          .With("nearest_grant", nearest.name);
    }
    out.insert(operation);
  }
  if (path.is_object && out.contains(token::v1::OPERATION_LIST)) {
    return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                "LIST is for a prefix; end the path in / or ask for DOWNLOAD of the object");
  }
  if (request.operations().empty()) {
    out = grant.operations;
    if (path.is_object) out.erase(token::v1::OPERATION_LIST);
    if (out.empty()) {
      return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                  "the grant gives only LIST, which is for a prefix; end the path in /");
    }
  }
  return out;
}

absl::StatusOr<std::chrono::seconds> ChooseTtl(const Grant& grant,
                                               const token::v1::IssueTokenRequest& request) {
  if (!request.has_ttl()) return grant.default_ttl;
  const int64_t seconds = request.ttl().seconds();
  if (request.ttl().nanos() != 0 || seconds < kShortestTtl.count()) {
    return Fail(absl::StatusCode::kInvalidArgument, "TTL_INVALID",
                "ttl is a whole number of seconds, at least 900 (the minimum of STS)");
  }
  if (seconds > grant.max_ttl.count()) {
    return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED",
                "the grant " + grant.name + " gives at most " + std::to_string(grant.max_ttl.count()) +
                    " s of ttl")
        .With("field", "ttl")
        .With("nearest_grant", grant.name);
  }
  return std::chrono::seconds(seconds);
}

}  // namespace

absl::StatusOr<TokenPlan> PlanToken(const Grants& grants, const identity::Caller& caller,
                                    const token::v1::IssueTokenRequest& request) {
  ASSIGN_OR_RETURN(const ObjectPath path, ParseObjectPath(request.path()));
  TokenPlan plan;
  ASSIGN_OR_RETURN(plan.grant, grants.Choose(caller, request.grant()));
  const Grant& grant = *plan.grant;
  ASSIGN_OR_RETURN(const std::string prefix, grant.prefix.Expand(caller.subject, caller.claims));
  plan.scope.bucket = grant.bucket;
  plan.scope.target = prefix + path.text;
  plan.scope.is_object = path.is_object;
  if (plan.scope.target.size() > kLongestKey) {
    return Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID",
                "prefix and path together are longer than 1023 bytes; shorten the path by " +
                    std::to_string(plan.scope.target.size() - kLongestKey));
  }
  ASSIGN_OR_RETURN(plan.scope.operations, ChooseOperations(grants, caller, grant, path, request));
  ASSIGN_OR_RETURN(plan.ttl, ChooseTtl(grant, request));
  ASSIGN_OR_RETURN(plan.policy_json, CompileSessionPolicy(plan.scope));
  RETURN_IF_ERROR(ProvePolicy(plan.policy_json, plan.scope));
  return plan;
}

std::string OperationName(Operation operation) {
  constexpr size_t kPrefix = std::string_view("OPERATION_").size();
  return token::v1::Operation_Name(operation).substr(kPrefix);
}

std::string OperationNames(const std::set<Operation>& operations) {
  std::string out;
  for (Operation operation : operations) out += (out.empty() ? "" : ",") + OperationName(operation);
  return out;
}

}  // namespace sluice::broker
