// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "services/upload_gateway/oss_access.h"
#include "services/upload_gateway/part_plan.h"

namespace sluice::gateway {

// The permits for parts that one stream holds ahead. Where a part will begin is known as soon as the one
// before it is cut; how long it will be is not, so the batch guesses that they go on as they went. Not
// thread-safe; pure.
class PartPermits {
 public:
  // No batch is smaller, where the object has as many parts left, nor larger.
  static constexpr size_t kLeastAtOnce = 2;
  static constexpr size_t kMostAtOnce = 16;

  // `size` as declared; what lies beyond it is not asked for.
  PartPermits(const PartPlan& plan, std::optional<uint64_t> size) : plan_(plan), size_(size) {}

  // The permit for a part, which then is no longer here; none that ends within some seconds.
  std::optional<Permit> Take(uint32_t part, Time now);
  // Which parts to ask for now, so that `next` and those likely after it are here in time; empty where they
  // are, or are being asked for. `slots` is how many each of them will likely have, `soon` how many of them
  // will likely be sent before their permits end.
  std::vector<uint32_t> Wanted(uint32_t next, uint32_t slots, size_t soon, Time now);
  // What was asked for has come; or did not.
  void Put(std::vector<Permit> permits);
  void Failed() { asked_.clear(); }
  bool asking() const { return !asked_.empty(); }

 private:
  bool IsGood(uint32_t part, Time now) const;

  const PartPlan plan_;
  const std::optional<uint64_t> size_;
  std::map<uint32_t, Permit> here_;
  std::vector<uint32_t> asked_;
};

}  // namespace sluice::gateway
