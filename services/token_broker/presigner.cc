// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/presigner.h"

#include <algorithm>

#include "common/aliyun/oss_address.h"
#include "common/aliyun/oss_post_policy.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/session_name.h"

namespace sluice::broker {
namespace {

constexpr char kGrantHeader[] = "x-oss-meta-sluice-grant";

// A session ends in whole seconds; what it signs ends no later.
Time EndOf(Time now, std::chrono::seconds life, const aliyun::Credentials& session) {
  return std::min(std::chrono::floor<std::chrono::seconds>(now) + life,
                  std::chrono::floor<std::chrono::seconds>(*session.expiration));
}

std::string Digest(const std::string& text) { return crypto::HexLower(crypto::Sha256(text)); }

std::string FormOf(const UrlPlan& plan) {
  if (plan.part_numbers.empty()) {
    const aliyun::OssRequest& request = plan.requests.front();
    std::string out = request.method;
    for (const auto& [name, value] : request.query)
      out += (name == "uploadId" || name == "uploads") ? " " + name : "";
    return out;
  }
  std::string out = "UPLOAD_PART ";
  for (uint32_t number : plan.part_numbers) out += (out.ends_with(' ') ? "" : ",") + std::to_string(number);
  return out;
}
std::string FormOf(const FormPlan&) { return "form"; }

}  // namespace

Presigner::Presigner(const Grants& grants, SigningSessions& sessions, Load& load, Audit& audit,
                     const Clock& clock)
    : sessions_(sessions), load_(load), audit_(audit), clock_(clock) {
  for (const Grant& grant : grants.all()) {
    auto& signer = signers_[grant.region];
    if (signer == nullptr) signer = std::make_unique<aliyun::OssSigner>(grant.region);
  }
}

absl::StatusOr<SignedUrls> Presigner::Sign(UrlPlan plan, const aliyun::Credentials& session,
                                           AuditRecord& record) {
  SignedUrls out;
  out.now = clock_.Now();
  out.expires = EndOf(out.now, plan.life, session);
  const auto life = std::chrono::duration_cast<std::chrono::seconds>(
      out.expires - std::chrono::floor<std::chrono::seconds>(out.now));
  const Grant& grant = *plan.access.grant;
  const std::string base = aliyun::OssBucketUrl(grant.endpoint, grant.bucket);
  std::string all;
  for (size_t i = 0; i < plan.requests.size(); ++i) {
    aliyun::OssRequest& request = plan.requests[i];
    if (plan.carries_metadata) request.headers.emplace_back(kGrantHeader, record.grant_id);
    ASSIGN_OR_RETURN(const aliyun::Pairs query,
                     signers_.at(grant.region)->Presign(request, session, out.now, life));
    SignedUrls::Url url{request.method,
                        SecretString(aliyun::OssObjectUrl(base, request.key, query)),
                        {},
                        plan.part_numbers.empty() ? 0 : plan.part_numbers[i]};
    // Every client sets the length itself, to that of the body.
    std::copy_if(request.headers.begin(), request.headers.end(), std::back_inserter(url.headers),
                 [](const auto& header) { return header.first != "Content-Length"; });
    all += url.url.Reveal() + "\n";
    out.urls.push_back(std::move(url));
  }
  record.signed_sha256 = Digest(plan.requests.size() == 1 ? out.urls.front().url.Reveal() : all);
  return out;
}

absl::StatusOr<SignedForm> Presigner::Sign(FormPlan plan, const aliyun::Credentials& session,
                                           AuditRecord& record) {
  SignedForm out;
  out.now = clock_.Now();
  out.expires = EndOf(out.now, plan.life, session);
  const Grant& grant = *plan.access.grant;
  plan.form.exact_fields.emplace_back(kGrantHeader, record.grant_id);
  out.url = aliyun::OssBucketUrl(grant.endpoint, grant.bucket) + "/";
  out.fields = aliyun::SignOssForm(*signers_.at(grant.region), plan.form, session, out.now, out.expires);
  const auto policy = std::find_if(out.fields.begin(), out.fields.end(),
                                   [](const auto& field) { return field.first == "policy"; });
  record.signed_sha256 = Digest(policy->second);
  return out;
}

template <typename T, typename Plan>
void Presigner::Finish(absl::StatusOr<Plan> plan, const std::string& asked_grant, const char* method,
                       const Judge& judge, const rpc::CallContext& context, Done<T> done) {
  AuditRecord record = BeginRecord(method, context, &judge.caller, clock_.Now());
  absl::Status refused = plan.status();
  if (plan.ok()) refused = load_.TakeOfGrant(plan->access.grant->name);
  if (!refused.ok()) {
    RecordRefusal(audit_, std::move(record), refused, asked_grant);
    return done(refused);
  }
  const Grant& grant = *plan->access.grant;
  record.grant = grant.name;
  record.grant_id = NewGrantId();
  record.region = grant.region;
  record.scope = std::make_shared<const Scope>(plan->access.scope);
  record.form = FormOf(*plan);
  const auto life = plan->life;
  sessions_.Get(grant, life, context,
                [this, keep = context.keepalive, plan = *std::move(plan), record = std::move(record),
                 done = std::move(done)](absl::StatusOr<SigningSessions::Session> session) mutable {
                  const Access access = plan.access;
                  auto out = session.ok() ? Sign(std::move(plan), (*session)->credentials, record)
                                          : absl::StatusOr<T>(session.status());
                  record.time = clock_.Now();
                  record.allowed = out.ok();
                  if (!out.ok()) {
                    record.reason = Reason(out.status());
                    (void)audit_.Accept(record);
                    return done(out.status());
                  }
                  out->access = access;
                  out->grant_id = record.grant_id;
                  record.access_key_id = (*session)->credentials.access_key_id;
                  record.expires = out->expires;
                  if (absl::Status recorded = audit_.Accept(record); !recorded.ok()) return done(recorded);
                  done(*std::move(out));
                });
}

void Presigner::SignUrls(const Judge& judge, const token::v1::SignUrlRequest& request,
                         const rpc::CallContext& context, Done<SignedUrls> done) {
  Finish(PlanUrls(judge, request), request.grant(), "SignUrl", judge, context, std::move(done));
}

void Presigner::SignForm(const Judge& judge, const token::v1::SignPostFormRequest& request,
                         const rpc::CallContext& context, Done<SignedForm> done) {
  Finish(PlanForm(judge, request), request.grant(), "SignPostForm", judge, context, std::move(done));
}

}  // namespace sluice::broker
