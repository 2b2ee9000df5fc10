// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/sealed_upload.h"

#include <chrono>

#include "common/base/status.h"
#include "common/crypto/encoding.h"

namespace sluice::gateway {
namespace {

constexpr char kSealPurpose[] = "sluice-upload-id-v1";
constexpr char kTokenPurpose[] = "sluice-object-token-v1";

void AddPart(std::string& out, std::string_view part) {
  out += std::to_string(part.size());
  out += ':';
  out += part;
}

bool IsOwner(const SealedUpload& upload, const identity::Caller& caller) {
  if (caller.anonymous != !upload.anonymous_id().empty()) return false;
  return upload.owner_provider() == caller.provider && upload.owner_subject() == caller.subject;
}

}  // namespace

std::string IdentityOf(const SealedUpload& upload) {
  return upload.object_token() + "/" + upload.oss_upload_id();
}

absl::Status UploadNotFound() {
  return Fail(absl::StatusCode::kNotFound, "UPLOAD_NOT_FOUND",
              "you have no such upload, or it was aborted or has expired; start it again");
}

absl::StatusOr<std::string> SealUpload(const SealedUpload& upload, const crypto::SealingRing& ring) {
  std::string out = ring.Seal(upload.SerializeAsString(), kSealPurpose);
  if (out.size() <= kLongestUploadId) return out;
  return Fail(absl::StatusCode::kInvalidArgument, "METADATA_INVALID",
              "metadata and tags are too long for an object of one request; use less than 5 KiB");
}

absl::StatusOr<SealedUpload> OpenUpload(std::string_view id, const crypto::SealingRing& ring,
                                        const identity::Caller& caller, Time now) {
  if (id.size() > kLongestUploadId) return UploadNotFound();
  const auto opened = ring.Open(id, kSealPurpose);
  SealedUpload out;
  if (!opened || !out.ParseFromString(*opened) || !IsOwner(out, caller)) return UploadNotFound();
  if (now >= Time(std::chrono::seconds(out.expires()))) return UploadNotFound();
  return out;
}

std::string ObjectToken(const SealedUpload& upload, const crypto::SealingRing& ring) {
  std::string all;
  for (const std::string* part : {&upload.owner_provider(), &upload.owner_subject(), &upload.anonymous_id(),
                                  &upload.bucket(), &upload.key(), &upload.request_id()})
    AddPart(all, *part);
  return crypto::HexLower(ring.Mac(all, kTokenPurpose)).substr(0, 32);
}

}  // namespace sluice::gateway
