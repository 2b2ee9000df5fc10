// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::broker {

// A claim's value as it may stand in a path: every byte outside `[A-Za-z0-9._@-]` becomes `=XX`, so that no
// two values give the same text and none can act as policy syntax. Refuses an empty value, `.`, `..` and a
// result over 128 bytes with `CLAIM_UNUSABLE`. Pure.
absl::StatusOr<std::string> EncodeClaim(std::string_view value);

}  // namespace sluice::broker
