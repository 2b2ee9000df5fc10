// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/image_header.h"

#include <string>

namespace sluice::sandbox {
namespace {

uint64_t BigEndian(std::string_view bytes) {
  uint64_t out = 0;
  for (unsigned char c : bytes) out = out << 8 | c;
  return out;
}
uint64_t LittleEndian(std::string_view bytes) { return BigEndian(std::string(bytes.rbegin(), bytes.rend())); }

// The first frame header of a JPEG says its size.
std::optional<ImageHeader> ReadJpeg(std::string_view bytes) {
  for (size_t at = 2; at + 9 < bytes.size();) {
    if (static_cast<unsigned char>(bytes[at]) != 0xFF) return std::nullopt;
    const auto marker = static_cast<unsigned char>(bytes[at + 1]);
    if (marker == 0xFF) {
      ++at;
      continue;
    }
    const bool frame = marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (frame)
      return ImageHeader{ImageFormat::kJpeg, BigEndian(bytes.substr(at + 7, 2)),
                         BigEndian(bytes.substr(at + 5, 2))};
    const uint64_t length = BigEndian(bytes.substr(at + 2, 2));
    if (length < 2) return std::nullopt;
    at += 2 + length;
  }
  return std::nullopt;
}

std::optional<ImageHeader> ReadWebp(std::string_view bytes) {
  const std::string_view chunk = bytes.substr(12, 4);
  if (chunk == "VP8X")
    return ImageHeader{ImageFormat::kWebp, LittleEndian(bytes.substr(24, 3)) + 1,
                       LittleEndian(bytes.substr(27, 3)) + 1};
  if (chunk == "VP8L") {
    const uint64_t bits = LittleEndian(bytes.substr(21, 4));
    return ImageHeader{ImageFormat::kWebp, (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1};
  }
  if (chunk == "VP8 ")
    return ImageHeader{ImageFormat::kWebp, LittleEndian(bytes.substr(26, 2)) & 0x3FFF,
                       LittleEndian(bytes.substr(28, 2)) & 0x3FFF};
  return std::nullopt;
}

}  // namespace

std::optional<ImageHeader> ReadImageHeader(std::string_view bytes) {
  if (bytes.size() < 32) return std::nullopt;
  if (bytes.starts_with("\x89PNG\r\n\x1a\n"))
    return ImageHeader{ImageFormat::kPng, BigEndian(bytes.substr(16, 4)), BigEndian(bytes.substr(20, 4))};
  if (bytes.starts_with("\xFF\xD8")) return ReadJpeg(bytes);
  if (bytes.starts_with("GIF8"))
    return ImageHeader{ImageFormat::kGif, LittleEndian(bytes.substr(6, 2)), LittleEndian(bytes.substr(8, 2))};
  if (bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP") return ReadWebp(bytes);
  return std::nullopt;
}

}  // namespace sluice::sandbox
