// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/door.h"

#include <algorithm>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "services/upload_gateway/content_sniff.h"
#include "services/upload_gateway/part_plan.h"

namespace sluice::gateway {
namespace {

using upload::v1::StartUploadRequest;

constexpr size_t kMostMetadata = 8 * 1024;
constexpr int kMostTags = 10;
constexpr size_t kMostNote = 2048;
// Ours, on every object: what marks its upload, and, of the broker's, its authority.
constexpr std::string_view kReserved[] = {"sluice-upload", "sluice-grant"};
// An upload ends before its ticket, so that its parts can still be freed.
constexpr int64_t kSpareSeconds = 60;

absl::Status Invalid(const char* reason, const char* field, const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, reason, what).With("field", field);
}

bool OnlyOf(std::string_view text, std::string_view extra, bool capitals) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (capitals && c >= 'A' && c <= 'Z') ||
           extra.find(c) != std::string_view::npos;
  });
}

absl::Status CheckMetadata(const StartUploadRequest& request) {
  size_t size = 0;
  for (const auto& [name, value] : request.metadata()) {
    if (name.empty() || !OnlyOf(name, "-", false))
      return Invalid("METADATA_INVALID", "metadata", "a metadata name is of a-z, 0-9 and -");
    if (std::find(std::begin(kReserved), std::end(kReserved), name) != std::end(kReserved))
      return Invalid("METADATA_INVALID", "metadata", "the metadata name " + name + " is this service's own");
    const bool plain = !value.empty() && value.front() != ' ' && value.back() != ' ' &&
                       std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (!plain)
      return Invalid("METADATA_INVALID", "metadata", "a metadata value is visible ASCII; encode others");
    size += name.size() + value.size();
  }
  if (size > kMostMetadata)
    return Invalid("METADATA_INVALID", "metadata", "the metadata is larger than 8 KiB");
  if (request.tags_size() > kMostTags)
    return Invalid("METADATA_INVALID", "tags", "an object has at most 10 tags");
  for (const auto& [name, value] : request.tags()) {
    const bool good = !name.empty() && name.size() <= 128 && value.size() <= 256 &&
                      OnlyOf(name, " +-=._:/", true) && OnlyOf(value, " +-=._:/", true);
    if (!good)
      return Invalid("METADATA_INVALID", "tags",
                     "a tag is a name of 1 to 128 and a value of 0 to 256 of letters, digits, spaces and "
                     "+-=._:/");
  }
  return absl::OkStatus();
}

bool IsType(std::string_view text) {
  const size_t slash = text.find('/');
  if (text.size() > 255 || slash == 0 || slash == std::string_view::npos || slash + 1 == text.size())
    return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }) &&
         text.front() != ' ' && text.back() != ' ';
}

}  // namespace

absl::Status CheckStart(const StartUploadRequest& request) {
  if (request.path().empty() || request.path().ends_with('/') || request.path().size() > 1023)
    return Invalid("PATH_INVALID", "path", "an upload is of one object; name it, without a / at the end");
  if (request.has_size_bytes()) RETURN_IF_ERROR(PartPlan::OfSize(request.size_bytes()).status());
  if (!request.content_type().empty() && !IsType(request.content_type()))
    return Invalid("REQUEST_INVALID", "content_type", "content_type is not type/subtype");
  if (request.request_id().size() > 64 || !OnlyOf(request.request_id(), "._-", true))
    return Invalid("REQUEST_INVALID", "request_id", "request_id is at most 64 of letters, digits, . _ and -");
  // Over HTTP it becomes a header.
  const std::string& note = request.note();
  if (note.size() > kMostNote ||
      !std::all_of(note.begin(), note.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    return Invalid("METADATA_INVALID", "note",
                   "what is kept with an upload is at most 2 KiB of visible ASCII");
  return CheckMetadata(request);
}

absl::StatusOr<SealedUpload> AdmitUpload(const StartUploadRequest& request, const identity::Caller& caller,
                                         const token::v1::IssueTicketResponse& ticket) {
  const auto& limits = ticket.limits();
  const std::vector<std::string> types(limits.content_types().begin(), limits.content_types().end());
  const std::string type =
      request.content_type().empty() ? "application/octet-stream" : request.content_type();
  if (!AllowsType(types, type)) {
    std::string allowed;
    for (const std::string& one : types) allowed += (allowed.empty() ? "" : ", ") + one;
    return Fail(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
                "the grant takes the types " + allowed + ", not " + type)
        .With("field", "content_type");
  }
  if (limits.max_object_bytes() != 0 && request.has_size_bytes() &&
      request.size_bytes() > limits.max_object_bytes()) {
    return Fail(absl::StatusCode::kPermissionDenied, "LIMIT_EXCEEDED",
                "the grant takes objects of at most " + std::to_string(limits.max_object_bytes()) + " bytes")
        .With("field", "size_bytes")
        .With("max_object_bytes", std::to_string(limits.max_object_bytes()));
  }
  SealedUpload out;
  out.set_bucket(ticket.scope().bucket());
  out.set_region(ticket.scope().region());
  out.set_endpoint(ticket.scope().endpoint());
  out.set_key(ticket.scope().key());
  out.set_path(request.path());
  out.set_owner_provider(caller.provider);
  out.set_owner_subject(caller.subject);
  if (caller.anonymous) out.set_anonymous_id(crypto::HexLower(crypto::RandomBytes(16)));
  out.set_most_bytes(limits.max_object_bytes());
  if (request.has_size_bytes()) {
    out.set_size_bytes(request.size_bytes());
    ASSIGN_OR_RETURN(const PartPlan plan, PartPlan::OfSize(request.size_bytes()));
    out.set_slot_bytes(plan.slot_bytes());
  } else {
    out.set_slot_bytes(PartPlan::OfUnknownSize(limits.max_object_bytes()).slot_bytes());
  }
  out.set_content_type(type);
  if (request.has_crc64()) out.set_crc64(request.crc64());
  out.set_overwrite(request.overwrite());
  out.set_grant(ticket.grant());
  out.set_request_id(request.request_id().empty() ? crypto::HexLower(crypto::RandomBytes(16))
                                                  : request.request_id());
  out.set_expires(ticket.expire_time().seconds() - kSpareSeconds);
  out.set_ticket(ticket.ticket());
  out.set_note(request.note());
  *out.mutable_metadata() = request.metadata();
  *out.mutable_tags() = request.tags();
  for (const std::string& one : types) out.add_content_types(one);
  return out;
}

}  // namespace sluice::gateway
