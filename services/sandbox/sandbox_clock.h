// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "common/base/clock.h"

namespace sluice::sandbox {

// The real time plus an offset that tests and the admin port move. Thread-safe.
class SandboxClock final : public Clock {
 public:
  explicit SandboxClock(const Clock& real) : real_(real) {}
  Time Now() const override { return real_.Now() + std::chrono::seconds(offset_.load()); }
  void Advance(std::chrono::seconds by) { offset_ += by.count(); }
  std::chrono::seconds offset() const { return std::chrono::seconds(offset_.load()); }

 private:
  const Clock& real_;
  std::atomic<int64_t> offset_ = 0;
};

}  // namespace sluice::sandbox
