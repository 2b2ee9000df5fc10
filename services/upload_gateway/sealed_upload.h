// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/crypto/sealing_ring.h"
#include "common/identity/caller.h"
#include "sluice/upload_gateway/v1/sealed_upload.pb.h"

namespace sluice::gateway {

using upload_gateway::v1::SealedUpload;

// No `upload_id` is longer: what does not fit is refused when the upload is started.
constexpr size_t kLongestUploadId = 8 * 1024;

// The `upload_id`: opaque, for this service's ring alone. `INVALID_ARGUMENT` `METADATA_INVALID` when it would
// be too long, which metadata and tags of a small object can cause. Pure but for its salt.
absl::StatusOr<std::string> SealUpload(const SealedUpload& upload, const crypto::SealingRing& ring);

// The upload that `id` names, if it is `caller`'s and not over. For a forged id, another's upload and one
// that has expired the answer is one and the same, `NOT_FOUND` `UPLOAD_NOT_FOUND`. An anonymous caller is
// whoever has the id of an upload that an anonymous caller began. Pure.
absl::StatusOr<SealedUpload> OpenUpload(std::string_view id, const crypto::SealingRing& ring,
                                        const identity::Caller& caller, Time now);

// What marks the object of one attempt: the same for the same owner, key and request id, on any replica; 32
// hex digits. Pure.
std::string ObjectToken(const SealedUpload& upload, const crypto::SealingRing& ring);

// Which upload it is: the same for all streams of one. Pure.
std::string IdentityOf(const SealedUpload& upload);

// The refusal of OpenUpload, for an upload that is gone in OSS.
absl::Status UploadNotFound();

}  // namespace sluice::gateway
