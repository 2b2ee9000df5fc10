// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <deque>

#include "common/base/timers.h"

namespace sluice::sandbox {

// Counts what happened within the second that ends now: `(now - 1 s, now]`, so that two things exactly one
// second apart are in different ones. Times must not go back. Amortised O(1). Not thread-safe.
class SlidingSecond {
 public:
  size_t Count(Timers::SteadyTime now) {
    while (!times_.empty() && times_.front() + std::chrono::seconds(1) <= now) times_.pop_front();
    return times_.size();
  }
  // The count with this one.
  size_t Add(Timers::SteadyTime now) {
    times_.push_back(now);
    return Count(now);
  }

 private:
  std::deque<Timers::SteadyTime> times_;
};

}  // namespace sluice::sandbox
