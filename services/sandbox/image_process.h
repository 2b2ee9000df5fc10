// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "services/sandbox/fault.h"

namespace sluice::sandbox {

struct Picture {
  std::string bytes;
  // `image/png` and so on.
  std::string content_type;
};

// Finds another object of the same bucket by its key, for a watermark.
using PictureSource = std::function<std::optional<std::string>(const std::string& key)>;

// `image/resize,...` and `image/watermark,...`, one after the other, as OSS documents them; PNG, JPEG, GIF
// and WebP, answered in the source's own format. Sources to 20 MB and 40 million pixels, judged by their
// headers before anything is decoded; results to 16,384 a side and 16,777,216 pixels. Text is drawn with a
// built-in Latin face, whatever `type_` names. Faults: `InvalidArgument` for what is malformed or out of
// range, `ImageTooLarge`, `BadRequest` for what is no picture, `NotImplemented` for other actions. Pure but
// for `source`.
OrFault<Picture> Process(std::string_view spec, std::string_view picture, const PictureSource& source);

}  // namespace sluice::sandbox
