// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/api.h"

#include <algorithm>

#include "common/base/proto_time.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/ticket_plan.h"
#include "services/token_broker/upload_plan.h"

namespace sluice::broker {
namespace {

using token::v1::ExplainAccessRequest;
using token::v1::ExplainAccessResponse;
using token::v1::IssueTicketRequest;
using token::v1::IssueTicketResponse;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::ListGrantsRequest;
using token::v1::ListGrantsResponse;
using token::v1::PlanUploadRequest;
using token::v1::PlanUploadResponse;
using token::v1::SignPostFormRequest;
using token::v1::SignPostFormResponse;
using token::v1::SignUrlRequest;
using token::v1::SignUrlResponse;

void SetScope(const Access& access, token::v1::Scope& out) {
  out.set_bucket(access.scope.bucket);
  out.set_region(access.grant->region);
  out.set_endpoint(access.grant->endpoint);
  access.scope.is_object ? out.set_key(access.scope.target) : out.set_prefix(access.scope.target);
  for (Operation operation : access.scope.operations) out.add_operations(operation);
}

// Here, and in the two below, what was minted or signed is revealed to its caller; nowhere else.
IssueTokenResponse Answer(const IssuedToken& issued) {
  IssueTokenResponse out;
  const aliyun::Credentials& from = issued.token->credentials;
  auto& credentials = *out.mutable_credentials();
  credentials.set_access_key_id(from.access_key_id);
  credentials.set_access_key_secret(from.access_key_secret.Reveal());
  credentials.set_security_token(from.security_token.Reveal());
  SetTime(issued.token->expires, *out.mutable_expire_time());
  SetTime(issued.refresh_after, *out.mutable_refresh_after());
  SetTime(issued.now, *out.mutable_server_time());
  SetScope(issued.planned->plan.access, *out.mutable_scope());
  out.set_grant_id(issued.token->grant_id);
  out.set_policy_json(issued.planned->plan.policy_json);
  return out;
}

template <typename Out>
Out SignedAnswer(const Signed& from) {
  Out out;
  SetTime(from.expires, *out.mutable_expire_time());
  SetTime(from.now, *out.mutable_server_time());
  SetScope(from.access, *out.mutable_scope());
  out.set_grant_id(from.grant_id);
  return out;
}

SignUrlResponse Answer(const SignedUrls& issued) {
  auto out = SignedAnswer<SignUrlResponse>(issued);
  for (const SignedUrls::Url& url : issued.urls) {
    auto& to = *out.add_urls();
    to.set_http_method(url.http_method);
    to.set_url(url.url.Reveal());
    for (const auto& [name, value] : url.headers) (*to.mutable_headers())[name] = value;
    to.set_part_number(url.part_number);
  }
  return out;
}

SignPostFormResponse Answer(const SignedForm& issued) {
  auto out = SignedAnswer<SignPostFormResponse>(issued);
  out.set_url(issued.url);
  for (const auto& [name, value] : issued.fields) (*out.mutable_fields())[name] = value;
  return out;
}

// Turns what a use case gives into what the method answers.
template <typename From, typename To>
absl::AnyInvocable<void(absl::StatusOr<From>)> AnswerWith(Api::Done<To> done) {
  return [done = std::move(done)](absl::StatusOr<From> from) mutable {
    if (!from.ok()) return done(from.status());
    done(Answer(*from));
  };
}

}  // namespace

// A call that was taken on, until nobody needs it any more.
class Api::Call {
 public:
  Call(Load& load, rpc::CallContext given, Timers::SteadyTime now)
      : context(std::move(given)), began(now), load_(load) {}
  ~Call() { load_.Leave(); }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  rpc::CallContext context;
  const Timers::SteadyTime began;

 private:
  Load& load_;
};

namespace {

// A gateway asks for tickets with its callers' proofs, and signs requests with those tickets.
absl::Status CheckGatewaysMethod(BrokerMetrics::Method method, const identity::Caller& caller) {
  using Method = BrokerMetrics::Method;
  const bool allowed = caller.ticket ? method == Method::kSignUrl || method == Method::kIssueToken
                                     : method == Method::kIssueTicket;
  if (allowed) return absl::OkStatus();
  return Fail(
      absl::StatusCode::kPermissionDenied, "GATEWAY_NOT_ALLOWED",
      "an upload gateway may not call " + std::string(BrokerMetrics::NameOf(method)) + " for anybody");
}

}  // namespace

Api::Api(Parts parts)
    : parts_(std::move(parts)),
      issue_shortcut_({parts_.authenticator, parts_.grants, parts_.denied, parts_.issuer, parts_.load,
                       parts_.metrics, parts_.audit, parts_.clock, parts_.trusted_proxies}) {}

template <typename AnswerType, typename Then>
void Api::WithCaller(Method method, rpc::CallContext context, Done<AnswerType> done, Then then) {
  const auto began = std::chrono::steady_clock::now();
  if (absl::Status full = parts_.load.Enter(); !full.ok()) {
    parts_.metrics.Called(method, full, std::chrono::steady_clock::now() - began);
    return done(full);
  }
  rpc::BelieveProxies(parts_.trusted_proxies, context);
  // Shared, so that the proof stays where it is while it is judged.
  auto call = std::make_shared<Call>(parts_.load, std::move(context), began);
  done = [&metrics = parts_.metrics, method, call,
          done = std::move(done)](absl::StatusOr<AnswerType> answer) mutable {
    metrics.Called(method, answer.status(), std::chrono::steady_clock::now() - call->began);
    done(std::move(answer));
  };
  const rpc::CallContext& known_by = call->context;
  const identity::Proof proof{known_by.authorization, known_by.ticket, known_by.client_certificate};
  parts_.authenticator.Authenticate(
      proof, [this, method, call, done = std::move(done),
              then = std::move(then)](absl::StatusOr<identity::Authenticator::Known> caller) mutable {
        const rpc::CallContext& from = call->context;
        absl::Status refused = caller.status();
        Origin origin{from.peer, from.tls};
        if (caller.ok() && (*caller)->by_gateway) {
          refused = CheckGatewaysMethod(method, **caller);
          // Where its caller is, as a gateway says; it is trusted with that like a proxy.
          if (!from.forwarded_for.empty()) origin = {from.forwarded_for, from.forwarded_proto == "https"};
        }
        if (refused.ok()) refused = parts_.load.TakeOfCaller(**caller, origin.ip);
        if (!refused.ok()) {
          RecordRefusal(parts_.audit,
                        BeginRecord(BrokerMetrics::NameOf(method).data(), from,
                                    caller.ok() ? caller->get() : nullptr, parts_.clock.Now()),
                        refused);
          return done(refused);
        }
        const Known known{{parts_.grants, parts_.denied.Get(), *std::move(caller), std::move(origin)}, from};
        then(known, std::move(done));
      });
}

void Api::IssueToken(IssueTokenRequest request, rpc::CallContext context, Done<IssueTokenResponse> done) {
  WithCaller(Method::kIssueToken, std::move(context), std::move(done),
             [this, request = std::move(request)](const Known& known, auto then) {
               IssueKnown(known, request, std::move(then));
             });
}

void Api::IssueKnown(const Known& known, const IssueTokenRequest& request, Done<IssueTokenResponse> done) {
  const bool by_jwt = !known.context.authorization.empty();
  parts_.issuer.Issue(known.asker, request, known.context,
                      [this, by_jwt, done = std::move(done)](absl::StatusOr<IssuedToken> issued) mutable {
                        if (!issued.ok()) return done(issued.status());
                        IssueTokenResponse answer = Answer(*issued);
                        if (by_jwt) issue_shortcut_.Learn(*issued, answer);
                        done(std::move(answer));
                      });
}

void Api::SignUrl(SignUrlRequest request, rpc::CallContext context, Done<SignUrlResponse> done) {
  WithCaller(Method::kSignUrl, std::move(context), std::move(done),
             [this, request = std::move(request)](const Known& known, auto then) {
               SignUrlKnown(known, request, std::move(then));
             });
}

void Api::SignUrlKnown(const Known& known, const SignUrlRequest& request, Done<SignUrlResponse> done) {
  parts_.presigner.SignUrls(known.judge(), request, known.context, AnswerWith<SignedUrls>(std::move(done)));
}

void Api::SignPostForm(SignPostFormRequest request, rpc::CallContext context,
                       Done<SignPostFormResponse> done) {
  WithCaller(Method::kSignPostForm, std::move(context), std::move(done),
             [this, request = std::move(request)](const Known& known, auto then) {
               SignFormKnown(known, request, std::move(then));
             });
}

void Api::SignFormKnown(const Known& known, const SignPostFormRequest& request,
                        Done<SignPostFormResponse> done) {
  parts_.presigner.SignForm(known.judge(), request, known.context, AnswerWith<SignedForm>(std::move(done)));
}

void Api::PlanUpload(PlanUploadRequest request, rpc::CallContext context, Done<PlanUploadResponse> done) {
  WithCaller(Method::kPlanUpload, std::move(context), std::move(done),
             [this, request = std::move(request)](const Known& known, auto then) {
               PlanKnown(known, request, std::move(then));
             });
}

void Api::PlanKnown(const Known& known, const PlanUploadRequest& request, Done<PlanUploadResponse> done) {
  const auto refuse = [&](const absl::Status& why) {
    RecordRefusal(parts_.audit, BeginRecord("PlanUpload", known.context, &known.caller(), parts_.clock.Now()),
                  why, request.grant());
    done(why);
  };
  const auto access =
      JudgeAccess(known.judge(), {request.grant(), request.path(), {token::v1::OPERATION_UPLOAD}});
  if (!access.ok()) return refuse(access.status());
  if (!access->scope.is_object)
    return refuse(Fail(absl::StatusCode::kInvalidArgument, "PATH_INVALID",
                       "an upload is of one object; name it, without a / at the end"));
  const Grant& grant = *access->grant;
  auto chosen = ChooseForm(request, grant.limits, !parts_.gateway_address.empty());
  if (!chosen.ok()) return refuse(chosen.status());
  const std::string type =
      request.content_type().empty() ? "application/octet-stream" : request.content_type();
  PlanUploadResponse out;
  out.set_form(chosen->form);
  out.set_why(chosen->why);
  // The form itself is judged, recorded and answered by its own use case; `put` makes its answer part of
  // ours.
  const auto then = [&](auto put) {
    return [out = std::move(out), put = std::move(put), done = std::move(done)](auto answer) mutable {
      if (!answer.ok()) return done(answer.status());
      put(out, *std::move(answer));
      done(std::move(out));
    };
  };
  // What every form is asked with.
  const auto ask = [&](auto form) {
    form.set_grant(grant.name);
    form.set_path(request.path());
    if (request.has_ttl()) *form.mutable_ttl() = request.ttl();
    return form;
  };
  switch (chosen->form) {
    case token::v1::UPLOAD_FORM_URL: {
      auto url = ask(SignUrlRequest());
      url.set_method(token::v1::URL_METHOD_PUT);
      url.set_content_type(type);
      if (request.has_size_bytes()) url.set_content_length(request.size_bytes());
      return SignUrlKnown(known, url, then([](PlanUploadResponse& to, SignUrlResponse answer) {
                            *to.mutable_url() = std::move(answer);
                          }));
    }
    case token::v1::UPLOAD_FORM_PART_URLS: {
      auto initiate = ask(SignUrlRequest());
      initiate.set_method(token::v1::URL_METHOD_INITIATE_MULTIPART);
      initiate.set_content_type(type);
      return SignUrlKnown(known, initiate,
                          then([chosen = *chosen](PlanUploadResponse& to, SignUrlResponse answer) {
                            auto& plan = *to.mutable_part_urls();
                            *plan.mutable_initiate() = std::move(answer);
                            plan.set_part_bytes(chosen.part_bytes);
                            plan.set_parts(chosen.parts);
                          }));
    }
    case token::v1::UPLOAD_FORM_POST_FORM: {
      auto form = ask(SignPostFormRequest());
      form.set_content_type(type);
      if (request.has_size_bytes()) {
        form.set_min_length(request.size_bytes());
        form.set_max_length(request.size_bytes());
      }
      return SignFormKnown(known, form, then([](PlanUploadResponse& to, SignPostFormResponse answer) {
                             *to.mutable_post_form() = std::move(answer);
                           }));
    }
    case token::v1::UPLOAD_FORM_TOKEN: {
      auto issue = ask(IssueTokenRequest());
      issue.add_operations(token::v1::OPERATION_UPLOAD);
      if (grant.operations.contains(token::v1::OPERATION_RESUME) && !known.caller().ticket)
        issue.add_operations(token::v1::OPERATION_RESUME);
      return IssueKnown(known, issue, then([](PlanUploadResponse& to, IssueTokenResponse answer) {
                          *to.mutable_token() = std::move(answer);
                        }));
    }
    default: {
      AuditRecord record = BeginRecord("PlanUpload", known.context, &known.caller(), parts_.clock.Now());
      record.allowed = true;
      record.grant = grant.name;
      record.region = grant.region;
      record.scope = std::make_shared<const Scope>(access->scope);
      record.form = "gateway";
      if (absl::Status recorded = parts_.audit.Accept(record); !recorded.ok()) return done(recorded);
      out.mutable_gateway()->set_address(parts_.gateway_address);
      return done(std::move(out));
    }
  }
}

void Api::SetPublicUrl(std::string url) {
  std::lock_guard lock(mutex_);
  public_url_ = std::move(url);
}

void Api::IssueTicket(IssueTicketRequest request, rpc::CallContext context, Done<IssueTicketResponse> done) {
  WithCaller(Method::kIssueTicket, std::move(context), std::move(done),
             [this, request = std::move(request)](const Known& known, auto then) {
               then(TicketKnown(known, request));
             });
}

absl::StatusOr<IssueTicketResponse> Api::TicketKnown(const Known& known, const IssueTicketRequest& request) {
  const Time now = parts_.clock.Now();
  AuditRecord record = BeginRecord("IssueTicket", known.context, &known.caller(), now);
  auto plan = PlanTicket(known.judge(), request, now);
  absl::Status refused = plan.status();
  if (plan.ok()) refused = parts_.load.TakeOfGrant(plan->access.grant->name);
  if (!refused.ok()) {
    RecordRefusal(parts_.audit, std::move(record), refused, request.grant());
    return refused;
  }
  if (parts_.tickets == nullptr)
    return Fail(absl::StatusCode::kInternal, "INTERNAL_ERROR", "this broker has no key for tickets");
  const SecretString sealed = parts_.tickets->Seal(plan->ticket);
  if (plan->ticket.actor) {
    record.actor = record.provider + ":" + record.subject;
    record.subject = plan->ticket.subject.subject;
  }
  record.allowed = true;
  record.ticket_id = plan->ticket.id;
  record.grant = plan->access.grant->name;
  record.region = plan->access.grant->region;
  record.scope = std::make_shared<const Scope>(plan->access.scope);
  record.form = "ticket";
  record.signed_sha256 = crypto::HexLower(crypto::Sha256(sealed.Reveal()));
  record.expires = plan->ticket.expires;
  RETURN_IF_ERROR(parts_.audit.Accept(record));
  IssueTicketResponse out;
  out.set_ticket(sealed.Reveal());
  {
    std::lock_guard lock(mutex_);
    if (!public_url_.empty()) out.set_sts_url(public_url_ + "/get_sts_token?ticket=" + sealed.Reveal());
  }
  SetTime(plan->ticket.expires, *out.mutable_expire_time());
  SetTime(now, *out.mutable_server_time());
  SetScope(plan->access, *out.mutable_scope());
  out.set_grant_id(plan->ticket.id);
  const Grant& grant = *plan->access.grant;
  out.set_grant(grant.name);
  auto& limits = *out.mutable_limits();
  limits.set_max_object_bytes(grant.limits.max_object_bytes);
  for (const std::string& type : grant.limits.content_types) limits.add_content_types(type);
  limits.set_head(grant.operations.contains(token::v1::OPERATION_DOWNLOAD));
  return out;
}

void Api::ListGrants(ListGrantsRequest, rpc::CallContext context, Done<ListGrantsResponse> done) {
  WithCaller(Method::kListGrants, std::move(context), std::move(done),
             [this](const Known& known, auto then) { then(ListKnown(known)); });
}

ListGrantsResponse Api::ListKnown(const Known& known) const {
  ListGrantsResponse out;
  for (const Grant& grant : parts_.grants.all()) {
    const bool holds = Holds(known.caller(), grant);
    const bool delegate = IsDelegate(known.caller(), grant);
    if (!holds && !delegate) continue;
    auto& view = *out.add_grants();
    view.set_name(grant.name);
    view.mutable_default_ttl()->set_seconds(grant.default_ttl.count());
    view.mutable_max_ttl()->set_seconds(grant.max_ttl.count());
    view.mutable_max_ticket_ttl()->set_seconds(grant.max_ticket_ttl.count());
    view.set_max_object_bytes(grant.limits.max_object_bytes);
    for (const std::string& type : grant.limits.content_types) view.add_content_types(type);
    view.set_limits_advisory(grant.limits.advisory);
    view.set_delegate(delegate);
    Access access;
    access.grant = &grant;
    access.scope.bucket = grant.bucket;
    access.scope.operations = grant.operations;
    if (holds) {
      auto judged = JudgeAccess(known.judge(), {grant.name, "", {}});
      if (judged.ok()) {
        access = *std::move(judged);
      } else {
        view.set_unusable(Reason(judged.status()));
      }
    }
    SetScope(access, *view.mutable_scope());
    if (access.scope.target.empty()) view.mutable_scope()->clear_target();
  }
  return out;
}

void Api::ExplainAccess(ExplainAccessRequest request, rpc::CallContext context,
                        Done<ExplainAccessResponse> done) {
  WithCaller(Method::kExplainAccess, std::move(context), std::move(done),
             [this, request = std::move(request)](const Known& known, auto then) {
               then(ExplainKnown(known, request));
             });
}

absl::StatusOr<ExplainAccessResponse> Api::ExplainKnown(const Known& known,
                                                        const ExplainAccessRequest& request) const {
  if (request.operation() == token::v1::OPERATION_UNSPECIFIED ||
      !token::v1::Operation_IsValid(request.operation())) {
    return Fail(absl::StatusCode::kInvalidArgument, "OPERATION_INVALID",
                "name the one operation to judge: UPLOAD, RESUME, TAG, DOWNLOAD, LIST or DELETE");
  }
  // The very judgement that every form begins with, so that the two cannot disagree.
  const auto access = JudgeAccess(known.judge(), {request.grant(), request.path(), {request.operation()}});
  ExplainAccessResponse out;
  if (!access.ok()) {
    out.set_reason(Reason(access.status()));
    out.set_rule(std::string(FromAbsl(access.status().message())));
    const auto grant = parts_.grants.Choose(known.caller(), request.grant());
    if (grant.ok()) out.set_grant((*grant)->name);
    return out;
  }
  const Grant& grant = *access->grant;
  out.set_allowed(true);
  out.set_grant(grant.name);
  out.set_rule("grant " + grant.name + " gives " + OperationName(request.operation()) + " under " +
               grant.prefix.text() + ", which for this caller reaches " + access->scope.target);
  SetScope(*access, *out.mutable_scope());
  IssueTokenRequest asked;
  asked.set_grant(request.grant());
  asked.set_path(request.path());
  asked.add_operations(request.operation());
  const auto plan = PlanToken(known.judge(), asked);
  if (plan.ok()) {
    out.set_policy_json(plan->policy_json);
  } else {
    out.set_rule(out.rule() +
                 "; by URL or form, not by token: " + std::string(FromAbsl(plan.status().message())));
  }
  return out;
}

}  // namespace sluice::broker
