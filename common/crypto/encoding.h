// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::crypto {

std::string HexLower(std::string_view bytes);
std::string HexUpper(std::string_view bytes);

std::string Base64Encode(std::string_view bytes);
// Standard alphabet with padding; anything else is refused, also bits that an encoder would not have set.
std::optional<std::string> Base64Decode(std::string_view text);
// URL-safe alphabet without padding, as JOSE has it.
std::string Base64UrlEncode(std::string_view bytes);
std::optional<std::string> Base64UrlDecode(std::string_view text);

// RFC 3986 as the vendor spells it: `A-Z a-z 0-9 - . _ ~` stay, the rest is %XX in upper case; `/` stays when
// asked.
std::string PercentEncode(std::string_view text, bool keep_slash = false);
// Refuses a `%` that two hex digits do not follow.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space = false);

}  // namespace sluice::crypto
