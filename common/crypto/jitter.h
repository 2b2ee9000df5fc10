// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace sluice {

// From 0 up to 1, another each time, so that those who wait the same time do not come back together. Must be
// thread-safe. Injected, so that tests know it.
using Jitter = std::function<double()>;

Jitter RandomJitter();

}  // namespace sluice
