// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/slice_reader.h"

#include <algorithm>

namespace sluice::gateway {
namespace {

enum WireType { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kGroup = 3, kEndGroup = 4, kFixed32 = 5 };

// As deep as protobuf's own parser goes.
constexpr int kDeepest = 100;

}  // namespace

SliceReader::SliceReader(std::span<const std::string_view> slices) : slices_(slices) {
  for (std::string_view slice : slices) left_ += slice.size();
}

std::optional<uint8_t> SliceReader::Byte() {
  while (!slices_.empty() && at_ == slices_.front().size()) {
    slices_ = slices_.subspan(1);
    at_ = 0;
  }
  if (slices_.empty()) return std::nullopt;
  --left_;
  return static_cast<uint8_t>(slices_.front()[at_++]);
}

std::optional<uint64_t> SliceReader::Varint() {
  uint64_t out = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    const auto byte = Byte();
    if (!byte) return std::nullopt;
    out |= static_cast<uint64_t>(*byte & 0x7f) << std::min(shift, 63);
    if ((*byte & 0x80) == 0) return out;
  }
  return std::nullopt;
}

std::optional<uint64_t> SliceReader::Fixed(int bytes) {
  uint64_t out = 0;
  for (int i = 0; i < bytes; ++i) {
    const auto byte = Byte();
    if (!byte) return std::nullopt;
    out |= static_cast<uint64_t>(*byte) << (8 * i);
  }
  return out;
}

std::optional<std::vector<std::string_view>> SliceReader::Take(uint64_t bytes) {
  if (bytes > left_) return std::nullopt;
  std::vector<std::string_view> out;
  left_ -= bytes;
  while (bytes > 0) {
    const std::string_view here = slices_.front().substr(at_, bytes);
    if (!here.empty()) out.push_back(here);
    bytes -= here.size();
    at_ += here.size();
    if (bytes > 0) {
      slices_ = slices_.subspan(1);
      at_ = 0;
    }
  }
  return out;
}

std::optional<std::string> SliceReader::Copy(uint64_t bytes) {
  const auto views = Take(bytes);
  if (!views) return std::nullopt;
  std::string out;
  out.reserve(bytes);
  for (std::string_view view : *views) out += view;
  return out;
}

bool SliceReader::Skip(uint32_t tag) { return SkipValue(tag, 0); }

bool SliceReader::SkipValue(uint32_t tag, int depth) {
  if (tag >> 3 == 0 || depth > kDeepest) return false;
  switch (tag & 7) {
    case kVarint:
      return Varint().has_value();
    case kFixed64:
      return Fixed(8).has_value();
    case kFixed32:
      return Fixed(4).has_value();
    case kLengthDelimited: {
      const auto bytes = Varint();
      return bytes && Take(*bytes);
    }
    case kGroup:
      for (;;) {
        const auto inner = Varint();
        if (!inner || *inner > UINT32_MAX) return false;
        const auto next = static_cast<uint32_t>(*inner);
        if ((next & 7) == kEndGroup) return next >> 3 == tag >> 3;
        if (!SkipValue(next, depth + 1)) return false;
      }
    default:
      return false;
  }
}

}  // namespace sluice::gateway
