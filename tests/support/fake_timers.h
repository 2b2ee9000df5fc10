// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "common/base/timers.h"

namespace sluice::testing {

// Stand still until told otherwise; alarms run on the thread that advances. Begin at the real time, so that
// real deadlines fit. Thread-safe.
class FakeTimers final : public Timers {
 public:
  SteadyTime Now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  Id At(SteadyTime at, absl::AnyInvocable<void()> then) override {
    std::lock_guard lock(mutex_);
    alarms_.emplace(std::pair(at, ++last_id_), std::move(then));
    return last_id_;
  }
  bool Cancel(Id id) override {
    absl::AnyInvocable<void()> dropped;  // destroyed outside the lock
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(alarms_.begin(), alarms_.end(),
                                    [&](const auto& alarm) { return alarm.first.second == id; });
    if (found == alarms_.end()) return false;
    dropped = std::move(found->second);
    alarms_.erase(found);
    return true;
  }

  // Runs every alarm on the way, each at its own time, those included that they set.
  void Advance(SteadyTime::duration by) {
    std::unique_lock lock(mutex_);
    const SteadyTime end = now_ + by;
    while (!alarms_.empty() && alarms_.begin()->first.first <= end) {
      const auto first = alarms_.begin();
      now_ = std::max(now_, first->first.first);
      auto then = std::move(first->second);
      alarms_.erase(first);
      lock.unlock();
      then();
      lock.lock();
    }
    now_ = end;
  }
  size_t waiting() const {
    std::lock_guard lock(mutex_);
    return alarms_.size();
  }

 private:
  mutable std::mutex mutex_;
  SteadyTime now_ = std::chrono::steady_clock::now();  // guarded by mutex_, as all below
  std::map<std::pair<SteadyTime, Id>, absl::AnyInvocable<void()>> alarms_;
  Id last_id_ = 0;
};

}  // namespace sluice::testing
