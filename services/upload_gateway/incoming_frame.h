// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

namespace sluice::gateway {

// A message `sluice.upload.v1.UploadRequest` as it came, its payload where it lies.
struct IncomingFrame {
  enum class Kind { kNone, kUploadId, kStart, kChunk, kFinish };
  Kind kind = Kind::kNone;
  // Of kUploadId.
  std::string upload_id;
  // Of kStart.
  upload::v1::StartUploadRequest start;
  // Of kChunk.
  uint64_t offset = 0;
  std::optional<uint32_t> crc32c;
  // Views into the slices, none of them empty, and where they begin in the message.
  std::vector<std::string_view> data;
  uint64_t data_at = 0;
  // Of kFinish.
  std::optional<uint64_t> crc64;

  uint64_t data_bytes() const;
};

// Reads one message from the pieces that it came in, as protobuf's own parser would, without putting them
// together: fields in any order, unknown ones skipped, of a oneof the last. What is not payload is copied, up
// to 64 KiB. `INVALID_ARGUMENT` `REQUEST_MALFORMED` for bytes that are no such message. Pure.
absl::StatusOr<IncomingFrame> ReadFrame(std::span<const std::string_view> slices);

}  // namespace sluice::gateway
