// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/policy_proof.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/policy_evaluator.h"
#include "services/token_broker/session_policy.h"

namespace sluice::broker {
namespace {

constexpr std::array kObjectActions = {
    "oss:PutObject",        "oss:ListParts",        "oss:AbortMultipartUpload",
    "oss:PutObjectTagging", "oss:GetObject",        "oss:DeleteObject",
    "oss:PutObjectAcl",     "oss:GetObjectTagging", "oss:RestoreObject",
    "oss:PutBucketPolicy",  "sts:AssumeRole"};

std::string Arn(const std::string& bucket) { return "acs:oss:*:*:" + bucket; }

// Keys that a right policy never reaches.
std::vector<std::string> OutsideKeys(const Scope& scope) {
  std::string stem = scope.target;
  if (!scope.is_object) stem.pop_back();
  const size_t slash = stem.rfind('/');
  const std::string parent = slash == std::string::npos ? "" : stem.substr(0, slash + 1);
  std::vector<std::string> out = {stem.substr(0, stem.size() - 1) + "/probe", stem + "x/probe",
                                  parent + "probe", "probe"};
  if (scope.is_object) {
    out.insert(out.end(), {stem.substr(0, stem.size() - 1), stem + "x", stem + "/"});
  } else {
    out.push_back(stem);
  }
  // An object may well be named like a probe; what the scope covers proves nothing about the outside.
  std::erase_if(out, [&](const std::string& key) {
    return scope.is_object ? key == scope.target : key.starts_with(scope.target);
  });
  return out;
}

// The one place that a right statement reaches: the scope's own key or prefix, or a listing of that prefix.
bool IsOurs(const PolicyEvaluator::Statement& statement, const Scope& scope,
            const std::set<std::string>& granted) {
  const std::string pattern = scope.target + (scope.is_object ? "" : "*");
  const bool listing = statement.prefix.has_value();
  if (listing && (scope.is_object || *statement.prefix != pattern)) return false;
  const bool same_places =
      std::equal(statement.source_ips.begin(), statement.source_ips.end(), scope.source_ips.begin(),
                 scope.source_ips.end(),
                 [](const IpRange& range, const std::string& text) { return range.text() == text; });
  if (!same_places || statement.tls_only != scope.tls_only) return false;
  if (statement.resource != Arn(scope.bucket) + (listing ? "" : "/" + pattern)) return false;
  return std::all_of(statement.actions.begin(), statement.actions.end(), [&](const std::string& action) {
    return granted.contains(action) && (action == "oss:ListObjects") == listing;
  });
}

// Asks from where the scope permits, and, of what is allowed there, that it is refused elsewhere.
absl::Status Expect(const PolicyEvaluator& policy, AccessQuestion question, bool wanted, const Scope& scope) {
  const std::string network = scope.source_ips.empty() ? "192.0.2.1" : scope.source_ips.front();
  question.source_ip = network.substr(0, network.find('/'));
  if (wanted) {
    AccessQuestion plain = question;
    plain.tls = false;
    AccessQuestion elsewhere = question;
    elsewhere.source_ip = "no address";
    if ((scope.tls_only && policy.Allows(plain)) || (!scope.source_ips.empty() && policy.Allows(elsewhere)))
      return Fail(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN",
                  "the compiled policy does not keep the grant's conditions");
  }
  if (policy.Allows(question) == wanted) return absl::OkStatus();
  return Fail(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN",
              std::string("the compiled policy ") + (wanted ? "does not allow " : "allows ") +
                  question.action + " on " + question.resource);
}

}  // namespace

absl::Status ProvePolicy(std::string_view policy_json, const Scope& scope) {
  ASSIGN_OR_RETURN(const PolicyEvaluator policy, PolicyEvaluator::Parse(policy_json));
  std::set<std::string> granted;
  for (Operation operation : scope.operations) {
    for (std::string& action : ActionsOf(operation)) granted.insert(std::move(action));
  }
  for (const auto& statement : policy.statements()) {
    if (!IsOurs(statement, scope, granted)) {
      return Fail(absl::StatusCode::kInternal, "POLICY_NOT_PROVEN",
                  "a statement reaches beyond the scope, to " + statement.resource);
    }
  }
  const std::string inside = Arn(scope.bucket) + "/" + scope.target + (scope.is_object ? "" : "probe");
  for (const char* action : kObjectActions) {
    RETURN_IF_ERROR(Expect(policy, {action, inside, std::nullopt}, granted.contains(action), scope));
    RETURN_IF_ERROR(Expect(policy, {action, Arn(scope.bucket), std::nullopt}, false, scope));
    RETURN_IF_ERROR(Expect(policy,
                           {action, Arn(scope.bucket + "x") + "/" + scope.target + "probe", std::nullopt},
                           false, scope));
    for (const std::string& key : OutsideKeys(scope)) {
      RETURN_IF_ERROR(Expect(policy, {action, Arn(scope.bucket) + "/" + key, std::nullopt}, false, scope));
    }
  }
  const bool list = granted.contains("oss:ListObjects");
  RETURN_IF_ERROR(Expect(policy, {"oss:ListObjects", Arn(scope.bucket), scope.target}, list, scope));
  RETURN_IF_ERROR(Expect(policy, {"oss:ListObjects", Arn(scope.bucket), std::nullopt}, false, scope));
  RETURN_IF_ERROR(Expect(policy, {"oss:ListObjects", Arn(scope.bucket), ""}, false, scope));
  RETURN_IF_ERROR(
      Expect(policy, {"oss:ListObjects", Arn(scope.bucket), scope.target.substr(0, scope.target.size() - 1)},
             false, scope));
  return Expect(policy, {"oss:ListObjects", Arn(scope.bucket + "x"), scope.target}, false, scope);
}

absl::StatusOr<std::string> ProvenPolicy(const Scope& scope) {
  ASSIGN_OR_RETURN(std::string policy, CompileSessionPolicy(scope));
  RETURN_IF_ERROR(ProvePolicy(policy, scope));
  return policy;
}

}  // namespace sluice::broker
