// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "common/base/timers.h"

namespace sluice::broker {

// So many calls a second for each name, with a burst of two seconds' worth, in a table of fixed size: 16
// bytes a place. Each name has four places to be in; when all four belong to others it takes the one that was
// used longest ago, whose name then starts with a fresh burst. Thread-safe; never blocks.
class RateTable {
 public:
  // `rate` 0 for no limit. `names` is how many are told apart, rounded up to a power of two of at least four.
  RateTable(uint32_t rate, size_t names);

  void SetRate(uint32_t rate) { rate_.store(rate, std::memory_order_relaxed); }
  bool limited() const { return rate_.load(std::memory_order_relaxed) != 0; }

  // What stands for a name here.
  static uint64_t NameOf(std::string_view text);

  // Zero when the call may go on; else how long to wait, and nothing was taken.
  Timers::SteadyTime::duration Take(uint64_t name, Timers::SteadyTime now);

 private:
  // The time at which all calls taken so far would have come at an even pace (the generic cell rate
  // algorithm), in nanoseconds of the steady clock.
  struct Place {
    uint64_t name = 0;
    int64_t paced = 0;
  };
  static constexpr size_t kWays = 4;
  static constexpr size_t kLocks = 64;

  std::atomic<uint32_t> rate_;
  std::array<std::mutex, kLocks> locks_;  // the lock of a set of places: its number modulo kLocks
  std::vector<std::array<Place, kWays>> sets_;
};

}  // namespace sluice::broker
