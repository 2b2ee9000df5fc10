// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <mutex>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace sluice {

// Runs functions one after another, never two at once and never one inside another: what they share needs no
// lock. Each runs on the thread that brings it, or, where one runs already, on that one's. Must not end while
// a function runs. Thread-safe.
class Strand {
 public:
  void Run(absl::AnyInvocable<void()> then) {
    {
      std::lock_guard lock(mutex_);
      if (running_) {
        line_.push_back(std::move(then));
        return;
      }
      running_ = true;
    }
    for (;;) {
      then();
      then = nullptr;  // what it held may bring another
      std::lock_guard lock(mutex_);
      if (line_.empty()) {
        running_ = false;
        return;
      }
      then = std::move(line_.front());
      line_.pop_front();
    }
  }

 private:
  std::mutex mutex_;
  bool running_ = false;  // guarded by mutex_, as below
  std::deque<absl::AnyInvocable<void()>> line_;
};

}  // namespace sluice
