// SPDX-License-Identifier: Apache-2.0
#include "common/base/clock.h"

namespace sluice {

Time SystemClock::Now() const { return std::chrono::system_clock::now(); }

}  // namespace sluice
