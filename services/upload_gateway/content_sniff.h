// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace sluice::gateway {

// How many first bytes decide.
constexpr size_t kSniffedBytes = 64;

// The type that an object's first bytes show, such as `image/png`; empty for bytes that say nothing. Source:
// the formats' own signatures, and of HTML what browsers take for it. Pure.
std::string_view SniffType(std::string_view first_bytes);

// `type/subtype` is one of the `allowed` such as `image/png` or `image/*`, or those are empty. Parameters and
// case do not count. Pure.
bool AllowsType(const std::vector<std::string>& allowed, std::string_view type);

// Whether the bytes may be an object that was declared as `declared`, where only `allowed` types are taken:
// `PERMISSION_DENIED` `LIMIT_EXCEEDED` where they show a type that is not allowed, or not the declared one of
// a kind that always shows. Pure.
absl::Status CheckFirstBytes(const std::vector<std::string>& allowed, std::string_view declared,
                             std::string_view first_bytes);

}  // namespace sluice::gateway
