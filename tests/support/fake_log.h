// SPDX-License-Identifier: Apache-2.0
#pragma once

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
  }
  std::vector<std::string> lines() const {
    std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_
};

}  // namespace sluice::testing
