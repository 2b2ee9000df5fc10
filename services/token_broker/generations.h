// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "services/token_broker/generation.h"

namespace sluice::broker {

// The generation in force, and those whose last calls are ending. Thread-safe.
class Generations {
 public:
  // Null before the first.
  std::shared_ptr<Generation> Current() const {
    std::lock_guard lock(mutex_);
    return current_;
  }

  // From here on `next` serves every new call.
  void Replace(std::shared_ptr<Generation> next) {
    std::lock_guard lock(mutex_);
    if (current_ != nullptr) retired_.push_back(std::move(current_));
    current_ = std::move(next);
  }

  // Before the HTTP client ends. Blocks for a moment.
  void StopFetching() {
    std::lock_guard lock(mutex_);
    if (current_ != nullptr) current_->keys().Stop();
    for (const auto& generation : retired_) generation->keys().Stop();
  }

  // Ends what no call uses any more, on this thread: calls keep theirs for as long as they run, so none ends
  // on a thread of a call. Blocks for a moment.
  void Reap() {
    std::vector<std::shared_ptr<Generation>> ending;  // outside the lock
    std::lock_guard lock(mutex_);
    for (auto at = retired_.begin(); at != retired_.end();) {
      if (at->use_count() > 1) {
        ++at;
        continue;
      }
      ending.push_back(std::move(*at));
      at = retired_.erase(at);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<Generation> current_;               // guarded by mutex_
  std::vector<std::shared_ptr<Generation>> retired_;  // guarded by mutex_
};

}  // namespace sluice::broker
