// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>

namespace sluice {

using Time = std::chrono::system_clock::time_point;

// 2200-01-01: times of outside beyond it, or before 1970, are no times. A Time counts nanoseconds and ends in
// 2262, so a larger number of seconds would become some other time; and no reasonable addition passes it.
inline constexpr int64_t kLastSecond = 7258118400;

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
