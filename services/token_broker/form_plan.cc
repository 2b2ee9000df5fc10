// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/form_plan.h"

#include <algorithm>

#include "boost/json.hpp"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"
#include "services/token_broker/ttl.h"

namespace sluice::broker {
namespace {

Failure Invalid(const char* field, const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_INVALID", what).With("field", field);
}

absl::Status BindLength(const Limits& limits, const token::v1::SignPostFormRequest& request,
                        aliyun::OssForm& out) {
  const uint64_t most =
      limits.max_object_bytes == 0 ? kLargestBody : std::min(kLargestBody, limits.max_object_bytes);
  out.min_length = request.min_length();
  out.max_length = request.has_max_length() ? request.max_length() : most;
  if (out.min_length > out.max_length || out.max_length > kLargestBody)
    return Invalid("max_length", "min_length and max_length are a range of 0 to 5 GiB");
  return CheckObject({limits.max_object_bytes, {}, limits.advisory}, "", out.max_length);
}

// One type exactly; else what the grant allows, as far as one condition can say it.
absl::Status BindType(const Limits& limits, const std::string& asked, aliyun::OssForm& out) {
  if (!asked.empty()) {
    if (!IsContentType(asked)) return Invalid("content_type", "content_type is not type/subtype");
    RETURN_IF_ERROR(CheckObject(limits, asked, std::nullopt));
    out.exact_fields.emplace_back("Content-Type", asked);
    return absl::OkStatus();
  }
  const auto& types = limits.content_types;
  if (types.empty()) return absl::OkStatus();
  const auto patterns =
      std::count_if(types.begin(), types.end(), [](const auto& type) { return type.ends_with("/*"); });
  if (patterns == 0) {
    out.listed_fields.emplace_back("content-type", types);
  } else if (types.size() == 1) {
    out.prefix_fields.emplace_back("content-type", types.front().substr(0, types.front().size() - 1));
  } else if (!limits.advisory) {
    return NotEnforceable(
        "a form cannot hold several types of which one is a pattern; name the content_type");
  }
  return absl::OkStatus();
}

// As OSS reads it: JSON in base64.
std::string CallbackField(const Callback& callback) {
  return crypto::Base64Encode(
      boost::json::serialize(boost::json::object{{"callbackUrl", callback.url},
                                                 {"callbackBody", callback.body},
                                                 {"callbackBodyType", callback.body_type}}));
}

}  // namespace

absl::StatusOr<FormPlan> PlanForm(const Judge& judge, const token::v1::SignPostFormRequest& request) {
  FormPlan plan;
  ASSIGN_OR_RETURN(plan.access,
                   JudgeAccess(judge, {request.grant(), request.path(), {token::v1::OPERATION_UPLOAD}}));
  const Grant& grant = *plan.access.grant;
  ASSIGN_OR_RETURN(plan.life, ChooseSignedTtl(grant, request.has_ttl() ? &request.ttl() : nullptr));
  plan.form.bucket = grant.bucket;
  plan.form.key = plan.access.scope.target;
  plan.form.key_is_prefix = !plan.access.scope.is_object;
  RETURN_IF_ERROR(BindLength(grant.limits, request, plan.form));
  RETURN_IF_ERROR(BindType(grant.limits, request.content_type(), plan.form));
  const uint32_t status = request.success_status() == 0 ? 204 : request.success_status();
  if (status != 200 && status != 201 && status != 204)
    return Invalid("success_status", "success_status is 200, 201 or 204");
  plan.form.exact_fields.emplace_back("success_action_status", std::to_string(status));
  if (grant.callback) plan.form.exact_fields.emplace_back("callback", CallbackField(*grant.callback));
  return plan;
}

}  // namespace sluice::broker
