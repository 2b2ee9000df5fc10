// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/base/deadline.h"

namespace sluice::broker {

// How many calls may be made and when: a bucket that fills at a steady pace. What it holds when full and what
// flows in come to no more calls than the share within any 1.05 s, wherever they begin, so that no second
// sees more at STS either, where the way brings some closer together. Told that it was too fast, it halves
// its pace, down to a tenth of the share, and gains a tenth each second. The time is given; one that goes
// back changes nothing. Not thread-safe.
class CallPace {
 public:
  using SteadyTime = Deadline::SteadyTime;

  // `share` is in calls per second, at least 1. Begins full.
  CallPace(uint32_t share, SteadyTime now);

  void SetShare(uint32_t share, SteadyTime now);
  // Takes a call, if there is one.
  bool Take(SteadyTime now);
  // Empties the bucket too.
  void SlowDown(SteadyTime now);

  uint32_t Left(SteadyTime now);
  // When the last of `calls` could be taken, if nobody else took any.
  SteadyTime When(size_t calls, SteadyTime now);
  uint32_t share() const { return share_; }
  // What a full bucket holds.
  uint32_t burst() const { return burst_; }

 private:
  void Divide(uint32_t share);
  void Refill(SteadyTime now);

  uint32_t share_ = 1;
  uint32_t burst_ = 1;
  int64_t flow_ = 1;  // calls per 21 seconds at full pace
  int tenths_ = 10;   // of that pace
  SteadyTime step_;   // of the next tenth gained, while there are fewer than ten
  int64_t level_ = 0;
  SteadyTime at_;  // of level_
};

}  // namespace sluice::broker
