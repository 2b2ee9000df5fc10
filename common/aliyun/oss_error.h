// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "common/http/message.h"

namespace sluice::aliyun {

// What an answer of OSS that is no success means. Reads the XML of the body, or of `x-oss-err` where a HEAD
// has no body. Pure; never fails on hostile bodies, and repeats only the vendor's code, request id, EC and
// the sandbox's hint (metadata: http_status, oss_code, oss_request_id, oss_ec, hint).
// - `PERMISSION_DENIED` `OSS_ACCESS_DENIED`; `UNAUTHENTICATED` `OSS_TOKEN_EXPIRED`, `OSS_SIGNATURE_REJECTED`
//   (signature, key or token), `OSS_CLOCK_SKEWED`;
// - `NOT_FOUND` `OSS_NOT_FOUND`; `ALREADY_EXISTS` `OSS_CONFLICT`; `FAILED_PRECONDITION` `OSS_REFUSED` for the
//   rest of 4xx;
// - with a retry delay: `RESOURCE_EXHAUSTED` `OSS_THROTTLED`, `UNAVAILABLE` `OSS_UNAVAILABLE` (5xx);
// - `UNAVAILABLE` `OSS_ANSWER_INVALID`: not the vendor's XML, or a 2xx or 3xx that is no success.
absl::Status OssError(const http::Response& response);

}  // namespace sluice::aliyun
