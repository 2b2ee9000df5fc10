// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/identity/caller.h"
#include "services/upload_gateway/sealed_upload.h"
#include "sluice/token/v1/token_broker.pb.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

// What is judged before an upload costs anything. Pure.
namespace sluice::gateway {

// Objects up to this size, in bytes, where it is declared, are made by one request.
constexpr uint64_t kSmallObject = 4 << 20;

// What can be judged before anybody is asked. `INVALID_ARGUMENT`: `REQUEST_INVALID` (type, request id),
// `PATH_INVALID`, `METADATA_INVALID`; `OUT_OF_RANGE` `SIZE_EXCEEDED` beyond what OSS can hold.
absl::Status CheckStart(const upload::v1::StartUploadRequest& request);

// The upload that the broker has given a ticket for. `PERMISSION_DENIED` `LIMIT_EXCEEDED` for a size or type
// that the grant does not take. Without an id of OSS's, and without its object token.
absl::StatusOr<SealedUpload> AdmitUpload(const upload::v1::StartUploadRequest& request,
                                         const identity::Caller& caller,
                                         const token::v1::IssueTicketResponse& ticket);

}  // namespace sluice::gateway
