// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "common/telemetry/log.h"

namespace sluice::testing {

// Keeps its lines. Thread-safe.
class FakeLog final : public telemetry::Log {
 public:
  void Write(telemetry::Severity severity, std::string_view event, boost::json::object fields) override {
    std::lock_guard lock(mutex_);
    lines_.push_back(telemetry::LogLine(Time(), severity, event, fields));
    written_.notify_all();
  }
  // Waits until that many lines are of this event.
  void Await(std::string_view event, size_t count) {
    std::unique_lock lock(mutex_);
    written_.wait(lock, [&] {
      return static_cast<size_t>(std::count_if(lines_.begin(), lines_.end(), [&](const std::string& line) {
               return line.find(event) != std::string::npos;
             })) >= count;
    });
  }
  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable written_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace sluice::testing
