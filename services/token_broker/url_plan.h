// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <vector>

#include "absl/status/statusor.h"
#include "common/aliyun/canonical_request.h"
#include "services/token_broker/access.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// URLs that may be signed: everything was judged, nothing was asked of STS.
struct UrlPlan {
  Access access;
  // One, or one for each part. Without the metadata that names the authority.
  std::vector<aliyun::OssRequest> requests;
  // Of the parts, in the same order; empty for other methods.
  std::vector<uint32_t> part_numbers;
  // Whether the object's metadata will name the authority.
  bool carries_metadata = false;
  std::chrono::seconds life{};
};

// Judges a request for one object and one method: access, life, each field that the method takes, limits,
// process. Pure. Besides the reasons of JudgeAccess: `REQUEST_INVALID`, `PROCESS_INVALID`, `LIMIT_EXCEEDED`,
// `LIMIT_NOT_ENFORCEABLE`, `TTL_INVALID`.
absl::StatusOr<UrlPlan> PlanUrls(const Judge& judge, const token::v1::SignUrlRequest& request);

}  // namespace sluice::broker
