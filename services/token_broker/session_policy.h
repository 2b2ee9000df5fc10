// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/token_broker/scope.h"

namespace sluice::broker {

// STS takes no longer session policy; in UTF-8 bytes.
inline constexpr size_t kLargestPolicy = 2048;

// The RAM actions that an operation needs, sorted.
std::vector<std::string> ActionsOf(Operation operation);

// The smallest policy that gives `scope` and nothing else: canonical JSON, so that the same scope gives the
// same bytes. Pure. Refuses, always before anything is minted:
// - `OPERATION_INVALID`: no operation, or LIST of a single object;
// - `PATH_INVALID`: an empty target, a prefix without its `/`, or a bucket or target that policies would read
// as syntax (a second check behind ParseObjectPath);
// - `POLICY_TOO_LARGE`: over 2,048 bytes.
absl::StatusOr<std::string> CompileSessionPolicy(const Scope& scope);

}  // namespace sluice::broker
