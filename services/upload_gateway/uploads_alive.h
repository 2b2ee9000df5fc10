// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "common/base/cancel.h"

namespace sluice::gateway {

// The uploads whose requests may still be under way, so that what they use does not end before them.
// Thread-safe.
class UploadsAlive {
 public:
  // One upload; it counts until this ends.
  class Member {
   public:
    explicit Member(UploadsAlive& all) : all_(all), number_(all.Enter(cancel_)) {}
    ~Member() { all_.Leave(number_); }
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    CancelToken token() const { return cancel_.token(); }
    void Cancel() { cancel_.Cancel(); }

   private:
    UploadsAlive& all_;
    CancelSource cancel_;
    const uint64_t number_;
  };

  // Cancels them all, also those that begin from now on, and waits until none is left.
  void End() {
    std::vector<CancelSource> all;
    {
      std::lock_guard lock(mutex_);
      ended_ = true;
      for (const auto& [number, cancel] : members_) all.push_back(cancel);
    }
    for (CancelSource& one : all) one.Cancel();
    std::unique_lock lock(mutex_);
    none_.wait(lock, [&] { return members_.empty(); });
  }

 private:
  uint64_t Enter(CancelSource& cancel) {
    std::unique_lock lock(mutex_);
    members_.emplace(++last_, cancel);
    const bool late = ended_;
    const uint64_t number = last_;
    lock.unlock();
    if (late) cancel.Cancel();
    return number;
  }
  void Leave(uint64_t number) {
    std::lock_guard lock(mutex_);
    members_.erase(number);
    if (members_.empty()) none_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable none_;
  std::unordered_map<uint64_t, CancelSource> members_;  // guarded by mutex_, as all below
  uint64_t last_ = 0;
  bool ended_ = false;
};

}  // namespace sluice::gateway
