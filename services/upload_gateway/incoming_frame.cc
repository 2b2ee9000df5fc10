// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/incoming_frame.h"

#include "common/base/status.h"
#include "common/base/utf8.h"
#include "services/upload_gateway/slice_reader.h"

namespace sluice::gateway {
namespace {

using upload::v1::Chunk;
using upload::v1::Finish;
using upload::v1::UploadRequest;

constexpr uint64_t kMostCopied = 64 * 1024;

constexpr uint32_t Tag(int field, uint32_t wire_type) {
  return static_cast<uint32_t>(field) << 3 | wire_type;
}

// Tags of all that is read here; anything else is skipped.
constexpr uint32_t kUploadId = Tag(UploadRequest::kUploadIdFieldNumber, 2);
constexpr uint32_t kStart = Tag(UploadRequest::kStartFieldNumber, 2);
constexpr uint32_t kChunk = Tag(UploadRequest::kChunkFieldNumber, 2);
constexpr uint32_t kFinish = Tag(UploadRequest::kFinishFieldNumber, 2);
constexpr uint32_t kOffset = Tag(Chunk::kOffsetFieldNumber, 0);
constexpr uint32_t kCrc32c = Tag(Chunk::kCrc32CFieldNumber, 5);
constexpr uint32_t kData = Tag(Chunk::kDataFieldNumber, 2);
constexpr uint32_t kCrc64 = Tag(Finish::kCrc64FieldNumber, 1);

// Reads tags until the end, giving each to `take`, which reads its value; false for what cannot be read.
template <typename TakeField>
bool ReadFields(SliceReader& in, TakeField take) {
  while (in.left() > 0) {
    const auto tag = in.Varint();
    if (!tag || *tag > UINT32_MAX || *tag >> 3 == 0) return false;
    if (!take(static_cast<uint32_t>(*tag))) return false;
  }
  return true;
}

// A message inside; protobuf merges one that comes twice.
template <typename TakeField>
bool ReadMessage(SliceReader& in, TakeField take) {
  const auto bytes = in.Varint();
  if (!bytes) return false;
  const auto views = in.Take(*bytes);
  if (!views) return false;
  SliceReader inside(*views);
  // How many bytes of the outer message follow what is left of this one.
  const uint64_t after = in.left();
  return ReadFields(inside, [&](uint32_t tag) { return take(inside, tag, after); });
}

// Of a message of `total` bytes, `after` of them behind the chunk.
bool ReadChunkField(SliceReader& in, uint32_t tag, uint64_t after, uint64_t total, IncomingFrame& out) {
  if (tag == kOffset) {
    const auto offset = in.Varint();
    out.offset = offset.value_or(0);
    return offset.has_value();
  }
  if (tag == kCrc32c) {
    const auto crc = in.Fixed(4);
    if (crc) out.crc32c = static_cast<uint32_t>(*crc);
    return crc.has_value();
  }
  if (tag != kData) return in.Skip(tag);
  const auto bytes = in.Varint();
  if (!bytes) return false;
  out.data_at = total - after - in.left();
  auto views = in.Take(*bytes);
  if (!views) return false;
  out.data = *std::move(views);
  return true;
}

bool ReadFinishField(SliceReader& in, uint32_t tag, IncomingFrame& out) {
  if (tag != kCrc64) return in.Skip(tag);
  const auto crc = in.Fixed(8);
  if (crc) out.crc64 = *crc;
  return crc.has_value();
}

// Of a oneof the last member counts, and forgets what another one had.
void Become(IncomingFrame::Kind kind, IncomingFrame& out) {
  if (out.kind == kind) return;
  out = {};
  out.kind = kind;
}

// A copy of what is not payload.
std::optional<std::string> ReadText(SliceReader& in) {
  const auto bytes = in.Varint();
  if (!bytes || *bytes > kMostCopied) return std::nullopt;
  return in.Copy(*bytes);
}

bool ReadUploadId(SliceReader& in, IncomingFrame& out) {
  auto text = ReadText(in);
  if (!text || !IsUtf8(*text)) return false;
  out.upload_id = *std::move(text);
  return true;
}

bool ReadStart(SliceReader& in, IncomingFrame& out) {
  const auto text = ReadText(in);
  return text && out.start.MergeFromString(*text) && out.start.ByteSizeLong() <= kMostCopied;
}

}  // namespace

uint64_t IncomingFrame::data_bytes() const {
  uint64_t out = 0;
  for (std::string_view view : data) out += view.size();
  return out;
}

absl::StatusOr<IncomingFrame> ReadFrame(std::span<const std::string_view> slices) {
  using Kind = IncomingFrame::Kind;
  IncomingFrame out;
  SliceReader in(slices);
  const uint64_t total = in.left();
  const bool good = ReadFields(in, [&](uint32_t tag) {
    switch (tag) {
      case kUploadId:
        Become(Kind::kUploadId, out);
        return ReadUploadId(in, out);
      case kStart:
        Become(Kind::kStart, out);
        return ReadStart(in, out);
      case kChunk:
        Become(Kind::kChunk, out);
        return ReadMessage(in, [&](SliceReader& inside, uint32_t field, uint64_t after) {
          return ReadChunkField(inside, field, after, total, out);
        });
      case kFinish:
        Become(Kind::kFinish, out);
        return ReadMessage(in, [&](SliceReader& inside, uint32_t field, uint64_t) {
          return ReadFinishField(inside, field, out);
        });
      default:
        return in.Skip(tag);
    }
  });
  if (good) return out;
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
              "the message is no UploadRequest; generate the stubs again from proto/");
}

}  // namespace sluice::gateway
