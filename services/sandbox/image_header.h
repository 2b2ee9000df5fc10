// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::sandbox {

enum class ImageFormat { kPng, kJpeg, kGif, kWebp };

// What a picture says of itself. In pixels; nobody has checked it yet.
struct ImageHeader {
  ImageFormat format;
  uint64_t width = 0;
  uint64_t height = 0;
};

// Format and size from the first bytes, so that a small file with a huge picture is refused before decoding.
// Absent for other formats and for what breaks off. Pure.
std::optional<ImageHeader> ReadImageHeader(std::string_view bytes);

}  // namespace sluice::sandbox
