// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "common/reasons/entry.h"

namespace sluice::reasons {

// Every reason that the upload gateway answers with by itself; those of the broker, which it asks for each
// upload, pass through it. The proto comments and the README's table list the same (a test compares all
// three).
inline constexpr std::array kUploadGateway = std::to_array<Entry>({
    {"UPLOAD_NOT_FOUND", absl::StatusCode::kNotFound, false, "start the upload again"},
    {"OFFSET_GAP", absl::StatusCode::kOutOfRange, false, "go on from `wanted_offset`"},
    {"SIZE_EXCEEDED", absl::StatusCode::kOutOfRange, false,
     "send no more than was declared and the grant allows"},
    {"SIZE_UNMET", absl::StatusCode::kOutOfRange, false, "send the rest, then finish"},
    {"CHECKSUM_MISMATCH", absl::StatusCode::kDataLoss, true, "send the bytes again from `committed_bytes`"},
    {"STREAM_REPLACED", absl::StatusCode::kAborted, false,
     "let the newer stream go on; if there is none, open the upload again"},
    {"GATEWAY_DRAINING", absl::StatusCode::kUnavailable, true, "open the stream again, at any replica"},
    {"STREAM_EXPIRED", absl::StatusCode::kUnavailable, true, "open the stream again, with a fresh JWT"},
    {"STREAM_STALLED", absl::StatusCode::kUnavailable, true,
     "open the stream again once there are bytes to send"},
    {"OSS_UNREACHABLE", absl::StatusCode::kUnavailable, true, "open the stream again after the delay told"},
    {"OSS_REFUSED", absl::StatusCode::kFailedPrecondition, false,
     "the operator checks role, bucket and endpoint; the message has the vendor's code"},
    {"COMPLETION_UNCONFIRMED", absl::StatusCode::kUnavailable, true, "finish again"},
    {"OBJECT_EXISTS", absl::StatusCode::kAlreadyExists, false, "choose another path, or set `overwrite`"},
    {"LIMIT_EXCEEDED", absl::StatusCode::kPermissionDenied, false, "send a size and type the grant allows"},
    {"REQUEST_MALFORMED", absl::StatusCode::kInvalidArgument, false, "generate the stubs again from proto/"},
    {"REQUEST_INVALID", absl::StatusCode::kInvalidArgument, false, "mend the field named"},
    {"PATH_INVALID", absl::StatusCode::kInvalidArgument, false, "name one object below the grant's prefix"},
    {"METADATA_INVALID", absl::StatusCode::kInvalidArgument, false, "shorten or rename metadata and tags"},
    {"OFFSET_MISMATCH", absl::StatusCode::kAborted, false, "over tus: ask HEAD, and go on from there"},
    {"CHUNK_TOO_SMALL", absl::StatusCode::kInvalidArgument, false,
     "over tus: send chunks of `least_bytes` at least"},
    {"CHUNK_TOO_LARGE", absl::StatusCode::kOutOfRange, false,
     "over tus: end with the object, and send at most 4 MiB with a checksum"},
    {"UPLOAD_COMPLETE", absl::StatusCode::kPermissionDenied, false,
     "over tus: delete the object with a token for it; a gateway cannot"},
    {"MEDIA_TYPE_UNSUPPORTED", absl::StatusCode::kInvalidArgument, false,
     "over tus: send `Content-Type: application/offset+octet-stream`"},
    {"TUS_VERSION_UNSUPPORTED", absl::StatusCode::kFailedPrecondition, false, "send `Tus-Resumable: 1.0.0`"},
    {"GATEWAY_OVERLOADED", absl::StatusCode::kResourceExhausted, true, "wait for the delay told"},
    {"BROKER_UNREACHABLE", absl::StatusCode::kUnavailable, true, "the operator checks the broker"},
    {"AUDIT_UNAVAILABLE", absl::StatusCode::kUnavailable, true, "the operator mends the audit's disk"},
    {"CALL_CANCELLED", absl::StatusCode::kCancelled, false, "nothing; the caller had left"},
    {"INTERNAL_ERROR", absl::StatusCode::kInternal, false, "report it with the request id"},
});

}  // namespace sluice::reasons
