// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/api.h"

#include "common/base/status.h"
#include "common/base/text.h"

namespace sluice::broker {
namespace {

using token::v1::ExplainAccessRequest;
using token::v1::ExplainAccessResponse;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;

void SetTime(Time time, google::protobuf::Timestamp& out) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  out.set_seconds(seconds.count());
  out.set_nanos(
      static_cast<int32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()));
}

void SetScope(const TokenPlan& plan, token::v1::Scope& out) {
  out.set_bucket(plan.scope.bucket);
  out.set_region(plan.grant->region);
  out.set_endpoint(plan.grant->endpoint);
  plan.scope.is_object ? out.set_key(plan.scope.target) : out.set_prefix(plan.scope.target);
  for (Operation operation : plan.scope.operations) out.add_operations(operation);
}

// The one place where what was minted is revealed.
IssueTokenResponse Answer(const IssuedToken& issued) {
  IssueTokenResponse out;
  auto& credentials = *out.mutable_credentials();
  credentials.set_access_key_id(issued.credentials.access_key_id);
  credentials.set_access_key_secret(issued.credentials.access_key_secret.Reveal());
  credentials.set_security_token(issued.credentials.security_token.Reveal());
  SetTime(issued.expires, *out.mutable_expire_time());
  SetTime(issued.refresh_after, *out.mutable_refresh_after());
  SetTime(issued.now, *out.mutable_server_time());
  SetScope(issued.plan, *out.mutable_scope());
  out.set_grant_id(issued.grant_id);
  out.set_policy_json(issued.plan.policy_json);
  return out;
}

}  // namespace

void Api::IssueToken(const IssueTokenRequest& request, const rpc::CallContext& context,
                     Done<IssueTokenResponse> done) {
  const auto caller = authenticator_.Authenticate(context.authorization);
  if (!caller.ok()) {
    issuer_.RecordStranger("IssueToken", caller.status(), context);
    return done(caller.status());
  }
  issuer_.Issue(*caller, request, context,
                [done = std::move(done)](absl::StatusOr<IssuedToken> issued) mutable {
                  if (!issued.ok()) return done(issued.status());
                  done(Answer(*issued));
                });
}

void Api::ExplainAccess(const ExplainAccessRequest& request, const rpc::CallContext& context,
                        Done<ExplainAccessResponse> done) {
  const auto caller = authenticator_.Authenticate(context.authorization);
  if (!caller.ok()) {
    issuer_.RecordStranger("ExplainAccess", caller.status(), context);
    return done(caller.status());
  }
  if (request.operation() == token::v1::OPERATION_UNSPECIFIED ||
      !token::v1::Operation_IsValid(request.operation())) {
    return done(Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                     "name the one operation to judge: UPLOAD, RESUME, TAG, DOWNLOAD, LIST or DELETE"));
  }
  // The very plan that IssueToken would make, so that the two cannot disagree.
  IssueTokenRequest asked;
  asked.set_grant(request.grant());
  asked.set_path(request.path());
  asked.add_operations(request.operation());
  const auto plan = PlanToken(grants_, *caller, asked);
  ExplainAccessResponse out;
  if (!plan.ok()) {
    out.set_reason(Reason(plan.status()));
    out.set_rule(std::string(FromAbsl(plan.status().message())));
    const auto grant = grants_.Choose(*caller, request.grant());
    if (grant.ok()) out.set_grant((*grant)->name);
    return done(std::move(out));
  }
  out.set_allowed(true);
  out.set_rule("grant " + plan->grant->name + " gives " + OperationName(request.operation()) + " under " +
               plan->grant->prefix.text() + ", which for this caller reaches " + plan->scope.target);
  out.set_grant(plan->grant->name);
  SetScope(*plan, *out.mutable_scope());
  out.set_policy_json(plan->policy_json);
  done(std::move(out));
}

}  // namespace sluice::broker
