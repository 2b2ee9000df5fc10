// SPDX-License-Identifier: Apache-2.0
#include "common/base/environment.h"

#include <cstdlib>

namespace sluice {

Environment ProcessEnvironment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
}

}  // namespace sluice
