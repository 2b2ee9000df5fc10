// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "services/sandbox/fault.h"

namespace sluice::sandbox {

using FormFields = std::vector<std::pair<std::string, std::string>>;

// The value of a form's field by its name in any case; absent where there is none.
std::optional<std::string> FindField(const FormFields& fields, std::string_view name);

// Judges a POST policy, as JSON, against a form that was received: expiration, every condition, and for V4
// that the signature's own fields are bound. Nothing when all of it holds. `bucket` and `length` are
// conditions of their own. Pure.
std::optional<Fault> JudgePostPolicy(std::string_view policy, const FormFields& fields,
                                     std::string_view bucket, uint64_t length, bool v4, Time now);

}  // namespace sluice::sandbox
