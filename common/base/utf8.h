// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sluice {

// Well-formed UTF-8: no stray or missing continuation, no overlong form, no surrogate, nothing beyond
// U+10FFFF.
bool IsUtf8(std::string_view text);

// The text itself where it is UTF-8; else with `?` for every byte beyond ASCII.
std::string ToUtf8(std::string_view text);

}  // namespace sluice
