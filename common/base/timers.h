// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "absl/functional/any_invocable.h"
#include "common/base/deadline.h"

namespace sluice {

// A monotonic clock and its alarms, for everything that waits or counts per second: it does not jump when the
// wall clock is set. Thread-safe; never blocks. Injected everywhere, so that tests move it.
class Timers {
 public:
  using SteadyTime = Deadline::SteadyTime;
  using Id = uint64_t;

  virtual ~Timers() = default;
  virtual SteadyTime Now() const = 0;
  // Calls `then` once, not before `at`, on the timers' own thread, which must not be blocked. At once, on
  // that thread, for a time that has passed.
  virtual Id At(SteadyTime at, absl::AnyInvocable<void()> then) = 0;
  // Whether the alarm was still to come; then it never does and its callback is gone. Does not wait for one
  // that runs now.
  virtual bool Cancel(Id id) = 0;

  Id After(SteadyTime::duration delay, absl::AnyInvocable<void()> then) {
    return At(Now() + delay, std::move(then));
  }
};

// The real ones, with one thread. Destroying them drops what is still to come and waits for what runs now;
// must not happen on their own thread.
class ThreadTimers final : public Timers {
 public:
  ThreadTimers();
  ~ThreadTimers() override;
  SteadyTime Now() const override { return std::chrono::steady_clock::now(); }
  Id At(SteadyTime at, absl::AnyInvocable<void()> then) override;
  bool Cancel(Id id) override;

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace sluice
