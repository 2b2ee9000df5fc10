// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/http/message.h"
#include "services/upload_gateway/body_stream.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

// What requests of tus 1.0 (https://tus.io/protocols/resumable-upload) say in their headers. Pure.
namespace sluice::gateway {

constexpr std::string_view kTusVersion = "1.0.0";
constexpr std::string_view kTusExtensions = "creation,creation-with-upload,expiration,checksum,termination";
constexpr std::string_view kTusChecksums = "sha1,sha256,md5";
constexpr std::string_view kTusBody = "application/offset+octet-stream";

// A header that is one decimal number. Absent without it; `INVALID_ARGUMENT` `REQUEST_MALFORMED` for anything
// else, also a header that is there twice.
absl::StatusOr<std::optional<uint64_t>> ReadNumber(const http::Headers& headers, std::string_view name);

// `Upload-Checksum`. `REQUEST_MALFORMED` for an algorithm that is not of kTusChecksums, or no such sum.
absl::StatusOr<std::optional<BodyStream::Checksum>> ReadChecksum(const http::Headers& headers);

// What a creation asks for. Of `Upload-Metadata`: `path`, else `filename` or `name`, is the path;
// `content_type`, else `filetype` or `type`, the type; `grant`, `overwrite` (`true`), `request_id` and
// `crc64` (decimal) are fields of the same name; what else has a name of
// `[a-z0-9-]` and a value of visible ASCII becomes metadata of the object; the rest is kept with the upload
// alone, and all of it as its note. `INVALID_ARGUMENT`: `REQUEST_MALFORMED`, or `METADATA_INVALID` for more
// than 2 KiB.
absl::StatusOr<upload::v1::StartUploadRequest> ReadCreation(const http::Headers& headers);

// Of the vocabulary of tus where it has one, else the usual one.
int TusStatusOf(const absl::Status& status);

}  // namespace sluice::gateway
