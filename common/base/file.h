// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice {

// All bytes of a regular file or pipe; nothing when it cannot be read or has more than `limit` bytes.
std::optional<std::string> ReadFile(const std::string& path, size_t limit = 1024 * 1024);

// Complete or absent: whoever waits for the file never reads half of it. False when it cannot be written.
bool WriteFileWhole(const std::string& path, std::string_view text);

}  // namespace sluice
