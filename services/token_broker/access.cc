// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/access.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "services/token_broker/object_path.h"

namespace sluice::broker {
namespace {

constexpr size_t kLongestKey = 1023;  // OSS's limit for an object's name, in UTF-8 bytes

Failure TooWide(const char* field, const Grant& nearest, const std::string& what) {
  return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED", what)
      .With("field", field)
      .With("nearest_grant", nearest.name);
}

// The first other grant of the caller's that gives the operation; the chosen one when there is none.
const Grant& Nearest(const Grants& grants, const identity::Caller& caller, const Grant& chosen,
                     Operation operation) {
  for (const Grant* grant : grants.HeldBy(caller)) {
    if (grant->operations.contains(operation)) return *grant;
  }
  return chosen;
}

// The path that is meant: the ticket's own when none is asked for, never one outside it.
absl::StatusOr<ObjectPath> ChoosePath(const identity::Caller& caller, const Grant& grant, ObjectPath asked) {
  if (!caller.ticket) return asked;
  const std::string& bound = caller.ticket->path;
  if (asked.text.empty()) return ParseObjectPath(bound);
  const bool below = bound.empty() || (bound.ends_with('/') && asked.text.starts_with(bound));
  if (below || asked.text == bound) return asked;
  return TooWide("path", grant, "the ticket reaches only " + bound + " below the prefix");
}

// What the ticket, or else the grant, gives. An operation that the grant lost since is gone.
std::set<Operation> Given(const identity::Caller& caller, const Grant& grant) {
  if (!caller.ticket) return grant.operations;
  std::set<Operation> out;
  for (Operation operation : grant.operations) {
    const auto& names = caller.ticket->operations;
    if (std::find(names.begin(), names.end(), OperationName(operation)) != names.end()) out.insert(operation);
  }
  return out;
}

absl::StatusOr<std::set<Operation>> ChooseOperations(const Grants& grants, const identity::Caller& caller,
                                                     const Grant& grant, const ObjectPath& path,
                                                     const std::vector<int>& asked) {
  const std::set<Operation> given = Given(caller, grant);
  std::set<Operation> out;
  for (int number : asked) {
    if (!token::v1::Operation_IsValid(number) || number == token::v1::OPERATION_UNSPECIFIED) {
      return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                  "an operation is one of UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE");
    }
    const auto operation = static_cast<Operation>(number);
    if (!grant.operations.contains(operation)) {
      const Grant& nearest = Nearest(grants, caller, grant, operation);
      return TooWide("operations", nearest,
                     "the grant " + grant.name + " does not give " + OperationName(operation) +
                         "; the nearest of yours is " + nearest.name + " with " +
                         OperationNames(nearest.operations));
    }
    if (!given.contains(operation))
      return TooWide("operations", grant, "the ticket gives only " + OperationNames(given));
    out.insert(operation);
  }
  if (path.is_object && out.contains(token::v1::OPERATION_LIST)) {
    return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                "LIST is for a prefix; end the path in / or ask for DOWNLOAD of the object");
  }
  if (asked.empty()) {
    out = given;
    if (path.is_object) out.erase(token::v1::OPERATION_LIST);
    if (given.empty())
      return TooWide("operations", grant, "the grant gives nothing of what the ticket names");
    if (out.empty()) {
      return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                  "the grant gives only LIST, which is for a prefix; end the path in /");
    }
  }
  return out;
}

// What is the same for callers and delegates, once the grant is chosen.
absl::StatusOr<Access> JudgeWithin(const Judge& judge, const identity::Caller& subject,
                                   const AccessRequest& request, ObjectPath path, const Grant& grant) {
  RETURN_IF_ERROR(judge.denied.CheckGrant(grant.name));
  // A gateway comes from where it stands; its caller's place was judged when the ticket was made.
  if (!subject.ticket || !subject.ticket->for_gateway) RETURN_IF_ERROR(CheckConditions(grant, judge.origin));
  Access out;
  out.grant = &grant;
  ASSIGN_OR_RETURN(out.prefix, grant.prefix.Expand(subject.subject, subject.claims));
  ASSIGN_OR_RETURN(path, ChoosePath(subject, grant, std::move(path)));
  out.scope.bucket = grant.bucket;
  out.scope.target = out.prefix + path.text;
  out.scope.is_object = path.is_object;
  if (out.scope.target.size() > kLongestKey) {
    return Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID",
                "prefix and path together are longer than 1023 bytes; shorten the path by " +
                    std::to_string(out.scope.target.size() - kLongestKey));
  }
  ASSIGN_OR_RETURN(out.scope.operations,
                   ChooseOperations(judge.grants, subject, grant, path, request.operations));
  return out;
}

}  // namespace

absl::Status CheckConditions(const Grant& grant, const Origin& origin) {
  if (grant.tls_only && !origin.tls) {
    return Fail(absl::StatusCode::kPermissionDenied, "CONDITION_NOT_MET",
                "the grant " + grant.name + " is for callers over TLS; use the https or TLS address")
        .With("condition", "tls_only");
  }
  if (!grant.source_ips.empty() && !AnyContains(grant.source_ips, origin.ip)) {
    return Fail(absl::StatusCode::kPermissionDenied, "CONDITION_NOT_MET",
                "the grant " + grant.name + " is not for callers from " +
                    (origin.ip.empty() ? std::string("an unknown address") : origin.ip))
        .With("condition", "source_ips");
  }
  return absl::OkStatus();
}

absl::StatusOr<Access> JudgeAccess(const Judge& judge, const AccessRequest& request) {
  ASSIGN_OR_RETURN(ObjectPath path, ParseObjectPath(request.path));
  RETURN_IF_ERROR(judge.denied.CheckCaller(judge.caller));
  ASSIGN_OR_RETURN(const Grant* grant, judge.grants.Choose(judge.caller, request.grant));
  return JudgeWithin(judge, judge.caller, request, std::move(path), *grant);
}

absl::StatusOr<Access> JudgeDelegation(const Judge& judge, const identity::Caller& subject,
                                       const AccessRequest& request) {
  ASSIGN_OR_RETURN(ObjectPath path, ParseObjectPath(request.path));
  RETURN_IF_ERROR(judge.denied.CheckCaller(judge.caller));
  RETURN_IF_ERROR(judge.denied.CheckSubject(subject.provider, subject.subject));
  ASSIGN_OR_RETURN(const Grant* grant, judge.grants.ChooseToDelegate(judge.caller, request.grant));
  return JudgeWithin(judge, subject, request, std::move(path), *grant);
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
