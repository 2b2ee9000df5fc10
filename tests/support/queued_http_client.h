// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <mutex>
#include <vector>

#include "common/http/client.h"

namespace sluice::testing {

// Answers each call at once with the next of a list, the last of it for ever, and keeps what it was asked.
// Thread-safe.
class QueuedHttpClient final : public http::Client {
 public:
  explicit QueuedHttpClient(std::vector<absl::StatusOr<http::Response>> answers)
      : answers_(std::move(answers)) {}

  void Send(http::Request request, Deadline, CancelToken, Done done) override {
    absl::StatusOr<http::Response> answer;
    {
      std::lock_guard lock(mutex_);
      answer = answers_[std::min(asked_.size(), answers_.size() - 1)];
      asked_.push_back(std::move(request));
    }
    done(std::move(answer));
  }
  std::vector<http::Request> asked() const {
    std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  const std::vector<absl::StatusOr<http::Response>> answers_;
  std::vector<http::Request> asked_;  // guarded by mutex_
};

}  // namespace sluice::testing
