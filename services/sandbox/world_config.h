// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// A world from YAML of sluice.config.v1.SandboxConfig. `INVALID_ARGUMENT` `CONFIG_INVALID` with file, line,
// column, field and mend.
absl::StatusOr<std::unique_ptr<World>> LoadWorld(const std::string& path);

}  // namespace sluice::sandbox
