// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/timers.h"
#include "common/crypto/jitter.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// This replica's share of the calls that STS allows the account: in no second, wherever it begins, are more
// admitted. There is one line. Sessions that sign for many stand first in it, callers behind them; renewal
// ahead of need never stands. Whose turn comes soon waits inside; anybody else is told when it comes and
// keeps that place under the name of the turn, before all who come later. What is there goes to the first of
// those who are there, so a place that nobody claims costs nothing. Thread-safe; never blocks.
class StsBudget {
 public:
  using SteadyTime = Timers::SteadyTime;
  // With the time of admission.
  using Done = absl::AnyInvocable<void(absl::StatusOr<SteadyTime>)>;

  // `calls_per_second` is at least 1. `timers` must outlive it, and it the callers who wait.
  StsBudget(uint32_t calls_per_second, Timers& timers, Jitter jitter);
  ~StsBudget();

  // Calls `done` exactly once, under no lock: at once, or on the timers' or the cancelling thread. Waits at
  // most until `deadline`, and only if the turn comes within two seconds and leaves time for the call. Coming
  // before the time told changes nothing; after it, by three seconds at most, the place is still there.
  // - `RESOURCE_EXHAUSTED` `STS_BUDGET_SPENT` with the delay until the turn; no place is kept without a name,
  // nor beyond a minute's worth of calls, where the delay is about a minute;
  // - `CANCELLED` `CALL_CANCELLED`.
  void Admit(Urgency urgency, std::string turn, Deadline deadline, CancelToken cancel, Done done);

  // STS has said that a call admitted at `admitted` was too many: slows down, and recovers within ten
  // seconds. Calls admitted before the last time it slowed down say nothing new.
  void Throttled(SteadyTime admitted);

  void SetShare(uint32_t calls_per_second);

  // Calls that could be made now; callers who wait inside; places kept for those who were told to come back.
  uint32_t left() const;
  size_t waiting() const;
  size_t promised() const;

 private:
  struct State;
  const std::shared_ptr<State> state_;  // shared with alarms and cancels that come late
};

}  // namespace sluice::broker
