// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "services/sandbox/fault.h"
#include "services/sandbox/oss_signature.h"

namespace sluice::sandbox {

// Whether `caller` (null for nobody) may do `action` on the call's key, or on its bucket for a listing:
// session policy, then the role's. Nothing when it may. Pure.
std::optional<Fault> CheckPolicies(const OssCall& call, const Principal* caller, const std::string& action);

// Nothing for a name that OSS takes: to 1,023 bytes, not starting with `/` or `\`. Pure.
std::optional<Fault> CheckObjectName(const std::string& key);

}  // namespace sluice::sandbox
