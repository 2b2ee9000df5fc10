// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "absl/status/statusor.h"
#include "common/aliyun/oss_post_policy.h"
#include "services/token_broker/access.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// A form that may be signed: everything was judged, nothing was asked of STS.
struct FormPlan {
  Access access;
  // Without the field that names the authority.
  aliyun::OssForm form;
  std::chrono::seconds life{};
};

// Judges a request for a form: access to UPLOAD, life, lengths, type, limits. Pure. Besides the reasons of
// JudgeAccess: `REQUEST_INVALID`, `LIMIT_EXCEEDED`, `LIMIT_NOT_ENFORCEABLE`, `TTL_INVALID`.
absl::StatusOr<FormPlan> PlanForm(const Judge& judge, const token::v1::SignPostFormRequest& request);

}  // namespace sluice::broker
