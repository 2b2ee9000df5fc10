// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sluice::broker {

// `<subject>@<grant id>` as STS takes a RoleSessionName: 2 to 64 of `[A-Za-z0-9.@_-]`. What does not fit of
// the subject becomes `_` or is cut, since the grant id says exactly who it was. Pure.
std::string SessionName(std::string_view subject, std::string_view grant_id);

// A new name for one minted authority: `g` and 16 hex digits.
std::string NewGrantId();

}  // namespace sluice::broker
