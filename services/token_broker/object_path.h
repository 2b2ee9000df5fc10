// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::broker {

// A caller's path, relative to its grant's prefix.
struct ObjectPath {
  std::string text;
  // One object, rather than everything that begins with `text` (which is then empty or ends in `/`).
  bool is_object = false;
};

// Refuses with `PATH_INVALID`: over 900 bytes, not UTF-8, a leading `/`, an empty, `.` or `..` segment, a
// control character, or one of
// `*`, `?`, `$`, `\`, for which RAM knows no escape. Pure.
absl::StatusOr<ObjectPath> ParseObjectPath(std::string_view text);

}  // namespace sluice::broker
