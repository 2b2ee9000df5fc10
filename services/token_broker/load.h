// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "common/base/timers.h"
#include "common/identity/caller.h"
#include "services/token_broker/rate_table.h"

namespace sluice::broker {

// 0 for no limit.
struct LoadLimits {
  uint32_t in_flight = 10000;
  uint32_t calls_per_second = 0;
  uint32_t subject_calls_per_second = 50;
  uint32_t grant_calls_per_second = 0;
};

// What one replica takes on: calls at once, and calls a second of everybody, of a subject and of a grant.
// Refusals carry a retry delay. Thread-safe; never blocks; takes no lock that is held for more than a few
// instructions.
class Load {
 public:
  // `timers` must outlive it.
  Load(const LoadLimits& limits, const Timers& timers);
  // From the next call on.
  void Set(const LoadLimits& limits);

  // Of a call that has just come, before anything is looked at: `UNAVAILABLE` `BROKER_OVERLOADED`. When it is
  // taken, Leave must follow once.
  absl::Status Enter();
  void Leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }

  // Once it is known who calls: `RESOURCE_EXHAUSTED` `SUBJECT_RATE_EXCEEDED`. Anonymous callers are one
  // subject each by their address.
  absl::Status TakeOfCaller(const identity::Caller& caller, std::string_view peer);
  // Once a request was judged good: `RESOURCE_EXHAUSTED` `GRANT_RATE_EXCEEDED`.
  absl::Status TakeOfGrant(std::string_view grant);

  // For a call that comes when there is too much to do: `UNAVAILABLE` `BROKER_OVERLOADED`, to be tried again
  // after a second or as much later as it takes for no more than 2,000 a second to come back; a minute at
  // most.
  absl::Status TurnAway();

  int64_t in_flight() const { return in_flight_.load(std::memory_order_relaxed); }

 private:
  const Timers& timers_;
  std::atomic<int64_t> in_flight_ = 0;
  std::atomic<uint32_t> most_in_flight_;
  // When the last of those that were turned away comes back, in nanoseconds of the steady clock.
  std::atomic<int64_t> last_return_ = 0;
  RateTable overall_;
  RateTable subjects_;
  RateTable grants_;
};

}  // namespace sluice::broker
