// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "services/token_broker/audit.h"
#include "services/token_broker/token_cache.h"

namespace sluice::broker {

// The answer that a plan's token gave, ready to be given again.
struct ReadyAnswer {
  TokenCache::Token token;
  // The message, but for the time.
  std::shared_ptr<const std::string> rendered;
  RepeatedAudit audit;
};

// Where a plan keeps its latest answer. Thread-safe.
class ReadySlot {
 public:
  // Null before the first.
  std::shared_ptr<const ReadyAnswer> Get() const {
    std::lock_guard lock(mutex_);
    return answer_;
  }
  void Set(std::shared_ptr<const ReadyAnswer> answer) {
    std::lock_guard lock(mutex_);
    answer_.swap(answer);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const ReadyAnswer> answer_;  // guarded by mutex_
};

}  // namespace sluice::broker
