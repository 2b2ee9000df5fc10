// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_access.h"

#include "services/sandbox/policy_check.h"

namespace sluice::sandbox {

std::optional<Fault> CheckObjectName(const std::string& key) {
  if (key.size() > 1023 || key.starts_with('/') || key.starts_with('\\')) {
    return Fault{400,
                 "InvalidObjectName",
                 "The specified object is not valid.",
                 "",
                 "1 to 1023 bytes, not starting with / or \\",
                 {}};
  }
  return std::nullopt;
}

std::optional<Fault> CheckPolicies(const OssCall& call, const Principal* caller, const std::string& action) {
  if (caller == nullptr) {
    return Fault{403,
                 "AccessDenied",
                 "Anonymous user has no right to access this bucket.",
                 "0003-00000001",
                 "the request is not signed",
                 {}};
  }
  Ask ask{action,
          "acs:oss:*:*:" + call.bucket + (action == "oss:ListObjects" ? "" : "/" + call.key),
          caller->arn,
          {}};
  ask.context["acs:SecureTransport"] = call.head.tls ? "true" : "false";
  ask.context["acs:SourceIp"] = call.head.peer;
  ask.context["acs:AccessId"] = caller->access_key_id;
  if (const auto acl = http::FindHeader(call.head.headers, "x-oss-object-acl"); !acl.empty())
    ask.context["oss:x-oss-object-acl"] = acl;
  if (action == "oss:ListObjects") {
    ask.context["oss:Prefix"] = call.target.Find("prefix").value_or("");
    ask.context["oss:Delimiter"] = call.target.Find("delimiter").value_or("");
  }
  const std::string asked = action + " on " + ask.resource;
  if (caller->session_policy && Evaluate(*caller->session_policy, ask).verdict != Verdict::kAllowed) {
    return Fault{403,
                 "AccessDenied",
                 "Access denied by authorizer's policy.",
                 "0003-00000301",
                 "the session policy does not allow " + asked,
                 {}};
  }
  const Decision decision = Evaluate(*caller->identity_policy, ask);
  if (decision.verdict == Verdict::kAllowed) return std::nullopt;
  const bool denied = decision.verdict == Verdict::kExplicitDeny;
  return Fault{
      403,
      "AccessDenied",
      "Access denied by authorizer's policy.",
      denied ? "0003-00000201" : "0003-00000202",
      denied ? "statement " + std::to_string(decision.statement) + " of the role's policy denies " + asked
             : "no statement of the role's policy allows " + asked,
      {}};
}

}  // namespace sluice::sandbox
