// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "common/http/message.h"

namespace sluice::aliyun {

// What an answer of STS that is not 200 means for us. Pure; the vendor's own text is not passed on, since it
// repeats signed requests. Metadata: http_status, sts_code, sts_request_id.
// - `FAILED_PRECONDITION` `ROLE_NOT_FOUND`, or `STS_REFUSED` for everything else that trying again cannot
// mend;
// - `RESOURCE_EXHAUSTED` `STS_THROTTLED` with a retry delay;
// - `UNAVAILABLE` `STS_UNREACHABLE` with a retry delay: 5xx;
// - `UNAVAILABLE` `STS_ANSWER_INVALID` with a retry delay: not the vendor's JSON.
absl::Status StsError(const http::Response& response);

}  // namespace sluice::aliyun
