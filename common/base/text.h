// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

// Debian's Abseil keeps a string view of its own; these two are the only crossing.
namespace sluice {

inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view FromAbsl(absl::string_view s) { return {s.data(), s.size()}; }

// The texts between each `at`; one text, perhaps empty, where there is none.
inline std::vector<std::string> Split(std::string_view text, char at) {
  return absl::StrSplit(ToAbsl(text), at);
}
// The same for a list such as `a,b`, where an empty text is an empty list.
inline std::vector<std::string> SplitList(std::string_view text, char at) {
  return text.empty() ? std::vector<std::string>() : Split(text, at);
}

// ASCII alone; other bytes stay.
inline std::string Lower(std::string_view text) { return absl::AsciiStrToLower(ToAbsl(text)); }

}  // namespace sluice
