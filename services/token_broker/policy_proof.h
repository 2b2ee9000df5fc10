// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/token_broker/scope.h"

namespace sluice::broker {

// Shows, before a policy leaves, that it gives `scope` and nothing else. First by structure: every statement
// reaches exactly the scope's key or prefix (or lists exactly that prefix) with actions that were asked for.
// Then by question: yes to each operation inside, no to the probes: the parent, siblings with the last byte
// dropped or added, another bucket, every action not asked for, object actions on the bucket, listings
// without a prefix or with a wider one. Fails with `INTERNAL` `POLICY_NOT_PROVEN`; then nothing is issued.
// Pure.
absl::Status ProvePolicy(std::string_view policy_json, const Scope& scope);

// CompileSessionPolicy, and then the proof of what it gave. Pure.
absl::StatusOr<std::string> ProvenPolicy(const Scope& scope);

}  // namespace sluice::broker
