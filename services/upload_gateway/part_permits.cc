// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/part_permits.h"

#include <algorithm>

namespace sluice::gateway {
namespace {

// A request must reach OSS before its permit ends, and clocks differ.
constexpr std::chrono::seconds kSpare{10};

}  // namespace

bool PartPermits::IsGood(uint32_t part, Time now) const {
  const auto found = here_.find(part);
  return found != here_.end() && now + kSpare < found->second.expires;
}

std::optional<Permit> PartPermits::Take(uint32_t part, Time now) {
  const bool good = IsGood(part, now);
  const auto found = here_.find(part);
  if (found == here_.end()) return std::nullopt;
  std::optional<Permit> out;
  if (good) out = std::move(found->second);
  // Those before it were skipped, or used.
  here_.erase(here_.begin(), std::next(found));
  return out;
}

std::vector<uint32_t> PartPermits::Wanted(uint32_t next, uint32_t slots, size_t soon, Time now) {
  const size_t batch = std::clamp(soon, kLeastAtOnce, kMostAtOnce);
  std::vector<uint32_t> out;
  if (next == 0 || asking()) return out;
  if (IsGood(next, now)) {
    // The batch after this one is asked for while the last permit of this one waits for its part.
    const auto ahead = std::distance(here_.find(next), here_.end());
    const uint32_t beyond = here_.rbegin()->first + slots;
    if (ahead > 1 || soon <= kLeastAtOnce) return out;
    next = beyond;
  }
  for (uint32_t part = next; out.size() < batch && part <= PartPlan::kSlots; part += slots) {
    if (size_ && plan_.Start(part) >= *size_ && part != 1) break;
    out.push_back(part);
  }
  asked_ = out;
  return out;
}

void PartPermits::Put(std::vector<Permit> permits) {
  asked_.clear();
  for (Permit& permit : permits) here_.insert_or_assign(permit.part, std::move(permit));
}

}  // namespace sluice::gateway
