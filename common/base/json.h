// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "boost/json.hpp"

namespace sluice {

// Parses JSON from outside. Refuses what is not one whole document, nesting beyond 32, and duplicate members
// (which readers of the same bytes could resolve differently). The error has reason `JSON_INVALID` and no
// part of the text.
absl::StatusOr<boost::json::value> ParseJson(std::string_view text);

// A string member, or empty when absent or of another type.
std::string_view JsonText(const boost::json::object& object, std::string_view member);

}  // namespace sluice
