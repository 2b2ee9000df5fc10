// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/kept_places.h"

namespace sluice::broker {
namespace {

// For the way there and back of who comes at the time told.
constexpr std::chrono::seconds kGrace{3};

}  // namespace

void KeptPlaces::Keep(const std::string& turn, Place place) {
  const auto [found, fresh] = places_.emplace(turn, place);
  if (!fresh) by_time_.erase({found->second.at, found->second.number});
  found->second = place;
  by_time_.emplace(std::pair(place.at, place.number), turn);
}

std::optional<KeptPlaces::Place> KeptPlaces::Take(const std::string& turn, SteadyTime now) {
  Forget(now);
  const auto found = places_.find(turn);
  if (found == places_.end()) return std::nullopt;
  const Place out = found->second;
  by_time_.erase({out.at, out.number});
  places_.erase(found);
  return out;
}

size_t KeptPlaces::Count(SteadyTime now) {
  Forget(now);
  return places_.size();
}

void KeptPlaces::Forget(SteadyTime now) {
  while (!by_time_.empty() && by_time_.begin()->first.first + kGrace < now) {
    places_.erase(by_time_.begin()->second);
    by_time_.erase(by_time_.begin());
  }
}

}  // namespace sluice::broker
