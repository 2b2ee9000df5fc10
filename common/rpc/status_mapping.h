// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

// The one place where our errors become those of the two edges. Pure.
namespace sluice::rpc {

// What may be shown of a status: itself, or, where Fail did not build it, `INTERNAL` `INTERNAL_ERROR` with a
// text that says nothing about the inside. The functions below apply it.
absl::Status Presentable(const absl::Status& status);

// With google.rpc.ErrorInfo and RetryInfo as details.
grpc::Status ToGrpc(const absl::Status& status);
// The way back: what another service of ours said, its details where Reason and RetryDelay look for them. A
// status of the library's own has no reason.
absl::Status FromGrpc(const grpc::Status& status);

// The usual HTTP status of a code: 400, 401, 403, 404, 409, 412 (FAILED_PRECONDITION), 429, 499, 500, 501,
// 503, 504.
int HttpStatusOf(absl::StatusCode code);

// `{code, reason, message, metadata, requestId}`, and `retryAfterSeconds` where waiting helps.
std::string ErrorJson(const absl::Status& status, std::string_view request_id);

}  // namespace sluice::rpc
