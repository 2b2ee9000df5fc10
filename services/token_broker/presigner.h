// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/aliyun/oss_signer.h"
#include "common/base/clock.h"
#include "common/rpc/call_context.h"
#include "services/token_broker/audit.h"
#include "services/token_broker/form_plan.h"
#include "services/token_broker/load.h"
#include "services/token_broker/signing_sessions.h"
#include "services/token_broker/url_plan.h"

namespace sluice::broker {

// What was signed: URLs, or a form.
struct Signed {
  Access access;
  std::string grant_id;
  Time now;
  Time expires;
};
struct SignedUrls : Signed {
  struct Url {
    std::string http_method;
    SecretString url;
    aliyun::Pairs headers;
    // 0 but for parts.
    uint32_t part_number = 0;
  };
  std::vector<Url> urls;
};
struct SignedForm : Signed {
  std::string url;
  // Holds secrets.
  aliyun::Pairs fields;
};

// The use cases behind signed URLs and forms: judge, reserve, take the grant's signing session, sign, record, answer;
// never in another order. Thread-safe.
class Presigner {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  // All must outlive it and the calls under way.
  Presigner(const Grants& grants, SigningSessions& sessions, Load& load, Audit& audit, const Clock& clock);

  // Errors are those of PlanUrls and PlanForm, Load::TakeOfGrant, SigningSessions, and `AUDIT_UNAVAILABLE`. Every decision
  // leaves an audit line, a refused one as well.
  void SignUrls(const Judge& judge, const token::v1::SignUrlRequest& request, const rpc::CallContext& context,
                Done<SignedUrls> done);
  void SignForm(const Judge& judge, const token::v1::SignPostFormRequest& request,
                const rpc::CallContext& context, Done<SignedForm> done);

 private:
  absl::StatusOr<SignedUrls> Sign(UrlPlan plan, const aliyun::Credentials& session, AuditRecord& record);
  absl::StatusOr<SignedForm> Sign(FormPlan plan, const aliyun::Credentials& session, AuditRecord& record);
  // From a judged plan to the answer, for both.
  template <typename T, typename Plan>
  void Finish(absl::StatusOr<Plan> plan, const std::string& asked_grant, const char* method, const Judge& judge,
              const rpc::CallContext& context, Done<T> done);

  SigningSessions& sessions_;
  Load& load_;
  Audit& audit_;
  const Clock& clock_;
  // By region; stands still.
  std::map<std::string, std::unique_ptr<aliyun::OssSigner>> signers_;
};

}  // namespace sluice::broker
