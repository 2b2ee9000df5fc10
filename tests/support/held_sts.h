// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <utility>
#include <vector>

#include "services/token_broker/sts.h"

namespace sluice::testing {

// Keeps what it was asked until the test answers. Thread-safe.
class HeldSts final : public broker::Sts {
 public:
  struct Asked {
    broker::AssumeRoleRequest request;
    Deadline deadline;
    CancelToken cancel;
  };
  void AssumeRole(broker::AssumeRoleRequest request, Deadline deadline, CancelToken cancel,
                  Done done) override {
    std::lock_guard lock(mutex_);
    asked_.push_back({std::move(request), deadline, std::move(cancel)});
    held_.push_back(std::move(done));
  }
  // Answers the oldest call held.
  void Answer(absl::StatusOr<aliyun::Credentials> answer) {
    std::unique_lock lock(mutex_);
    Done done = std::move(held_.at(0));
    held_.erase(held_.begin());
    lock.unlock();
    done(std::move(answer));
  }
  std::vector<Asked> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }
  size_t held() const {
    std::lock_guard lock(mutex_);
    return held_.size();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<Asked> asked_;
  std::vector<Done> held_;
};

}  // namespace sluice::testing
