// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>

namespace sluice {

// A point on the steady clock by which a wait must end. It only shrinks as it is passed down.
class Deadline {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit Deadline(SteadyTime at) : at_(at) {}
  static Deadline After(std::chrono::milliseconds span) {
    return Deadline(std::chrono::steady_clock::now() + span);
  }

  Deadline Sooner(Deadline other) const { return Deadline(std::min(at_, other.at_)); }
  SteadyTime at() const { return at_; }
  // Never negative.
  std::chrono::milliseconds Left() const {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(at_ - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds(0));
  }

 private:
  SteadyTime at_;
};

}  // namespace sluice
