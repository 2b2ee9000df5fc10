// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/rate_table.h"

#include <algorithm>
#include <bit>

#include "absl/hash/hash.h"

namespace sluice::broker {

RateTable::RateTable(uint32_t rate, size_t names)
    : rate_(rate), sets_(std::bit_ceil(std::max(names, kWays)) / kWays) {}

uint64_t RateTable::NameOf(std::string_view text) { return absl::HashOf(text); }

Timers::SteadyTime::duration RateTable::Take(uint64_t name, Timers::SteadyTime now) {
  const uint32_t rate = rate_.load(std::memory_order_relaxed);
  if (rate == 0) return Timers::SteadyTime::duration::zero();
  const int64_t gap = 1'000'000'000 / rate;
  const int64_t burst = 2'000'000'000 - gap;
  const int64_t at = now.time_since_epoch().count();
  const size_t index = name & (sets_.size() - 1);
  std::lock_guard lock(locks_[index % kLocks]);
  auto& set = sets_[index];
  auto place = std::find_if(set.begin(), set.end(), [&](const Place& p) { return p.name == name; });
  if (place == set.end()) {
    place = std::min_element(set.begin(), set.end(),
                             [](const Place& a, const Place& b) { return a.paced < b.paced; });
    *place = {name, at};
  }
  const int64_t paced = std::max(place->paced, at);
  if (paced - at > burst) return std::chrono::nanoseconds(paced - at - burst);
  place->paced = paced + gap;
  return Timers::SteadyTime::duration::zero();
}

}  // namespace sluice::broker
