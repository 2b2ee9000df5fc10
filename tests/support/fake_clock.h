// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "common/base/clock.h"

namespace sluice::testing {

// Stands still until told otherwise. Starts at 2026-01-01T00:00:00Z. Thread-safe.
class FakeClock final : public Clock {
 public:
  Time Now() const override { return Time(std::chrono::seconds(seconds_.load())); }
  void Advance(std::chrono::seconds by) { seconds_ += by.count(); }

 private:
  std::atomic<int64_t> seconds_ = 1767225600;
};

}  // namespace sluice::testing
