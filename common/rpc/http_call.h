// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "common/http/server.h"
#include "common/rpc/call_context.h"

// What the HTTP edges of all services have alike. Pure but for the ids that it makes.
namespace sluice::rpc {

// What the headers say of a call. Where one that says who calls is there several times, its values are
// joined: two proofs are no proof, and joined they are malformed.
CallContext ContextOf(const http::RequestHead& head, CancelToken cancel);

// `Cache-Control: no-store`.
http::Answer JsonAnswer(int status, std::string body);

// An error as JSON, with its usual HTTP status, `Retry-After` where waiting helps, and what a 401 needs.
http::Answer RefusalAnswer(const absl::Status& status, const std::string& request_id);

}  // namespace sluice::rpc
