// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/base/deadline.h"

namespace sluice::broker {

// The places in a line of those who were told when to come back. A place is kept until three seconds after
// its time. The time is given. Not thread-safe.
class KeptPlaces {
 public:
  using SteadyTime = Deadline::SteadyTime;
  struct Place {
    // The lower comes first.
    uint64_t number = 0;
    SteadyTime at;
  };

  // One for each turn; the last given counts.
  void Keep(const std::string& turn, Place place);
  // Gives the place out, if one is kept.
  std::optional<Place> Take(const std::string& turn, SteadyTime now);
  size_t Count(SteadyTime now);

 private:
  void Forget(SteadyTime now);

  std::unordered_map<std::string, Place> places_;
  std::map<std::pair<SteadyTime, uint64_t>, std::string> by_time_;  // the same places
};

}  // namespace sluice::broker
