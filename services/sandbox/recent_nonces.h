// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include "common/base/clock.h"

namespace sluice::sandbox {

// The nonces of the last half hour, in amortised O(1) however many there are. Thread-safe.
class RecentNonces {
 public:
  // Whether it was not seen within that time; from now on it was.
  bool Take(const std::string& nonce, Time now) {
    std::lock_guard lock(mutex_);
    // In the order they came. Where the clock was set back, an older one waits behind a younger: it is kept
    // longer, never shorter.
    while (!order_.empty() && order_.front().first + std::chrono::minutes(30) < now) {
      seen_.erase(*order_.front().second);
      order_.pop_front();
    }
    const auto [at, fresh] = seen_.insert(nonce);
    if (fresh) order_.emplace_back(now, &*at);
    return fresh;
  }
  size_t size() const {
    std::lock_guard lock(mutex_);
    return seen_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_set<std::string> seen_;                   // guarded by mutex_, as is the other
  std::deque<std::pair<Time, const std::string*>> order_;  // texts of seen_
};

}  // namespace sluice::sandbox
