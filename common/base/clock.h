// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace sluice {

using Time = std::chrono::system_clock::time_point;

// What time it is. Thread-safe; never blocks. Injected everywhere, so that tests move it.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  Time Now() const override;
};

}  // namespace sluice
