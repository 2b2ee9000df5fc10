// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/base/status.h"
#include "common/base/timers.h"

namespace sluice {

// How often something is tried, and how long is waited between.
struct RetryRules {
  int attempts = 4;
  std::chrono::milliseconds first_delay{100};
  std::chrono::milliseconds longest_delay{3000};
  // Whether another attempt can do better.
  std::function<bool(const absl::Status&)> may_help;
  // 0 to 1; makes those who failed together not come back together.
  std::function<double()> random;
};

// How long to wait after `failed`, the `attempt`th failure from 1: doubled each time, between a half and the
// whole of it, and no less than the peer asked for. Pure but for `rules.random`.
inline std::chrono::milliseconds RetryDelayOf(const RetryRules& rules, int attempt,
                                              const absl::Status& failed) {
  auto delay = rules.first_delay;
  for (int i = 1; i < attempt && delay < rules.longest_delay; ++i) delay *= 2;
  delay = std::min(delay, rules.longest_delay);
  delay = std::chrono::milliseconds(
      static_cast<int64_t>(static_cast<double>(delay.count()) * (0.5 + rules.random() / 2)));
  return std::max(delay, RetryDelay(failed).value_or(std::chrono::milliseconds(0)));
}

// Calls `attempt`, which answers a callback once, until it succeeds, fails for good, or no attempt fits
// before the deadline; then `done` with the last answer. `timers` must outlive it.
template <typename T>
void Retry(Timers& timers, RetryRules rules, Deadline deadline, CancelToken cancel,
           std::function<void(absl::AnyInvocable<void(absl::StatusOr<T>)>)> attempt,
           absl::AnyInvocable<void(absl::StatusOr<T>)> done) {
  struct Run : std::enable_shared_from_this<Run> {
    Run(Timers& alarms, RetryRules how, Deadline by, CancelToken until,
        std::function<void(absl::AnyInvocable<void(absl::StatusOr<T>)>)> what,
        absl::AnyInvocable<void(absl::StatusOr<T>)> then)
        : timers(alarms),
          rules(std::move(how)),
          deadline(by),
          cancel(std::move(until)),
          attempt(std::move(what)),
          done(std::move(then)) {}
    void Try() {
      if (cancel.cancelled()) return done(absl::CancelledError("nobody waits for it any more"));
      ++tried;
      attempt(
          [self = this->shared_from_this()](absl::StatusOr<T> answer) { self->OnAnswer(std::move(answer)); });
    }
    void OnAnswer(absl::StatusOr<T> answer) {
      if (answer.ok() || tried >= rules.attempts || cancel.cancelled() || !rules.may_help(answer.status()))
        return done(std::move(answer));
      const auto at = timers.Now() + RetryDelayOf(rules, tried, answer.status());
      if (at >= deadline.at()) return done(std::move(answer));
      const auto self = this->shared_from_this();
      const Timers::Id alarm = timers.At(at, [self] { self->Try(); });
      // Whoever leaves does not wait for an attempt that is not made.
      cancel.OnCancel([weak = std::weak_ptr<Run>(self), alarm] {
        const auto alive = weak.lock();
        if (alive != nullptr && alive->timers.Cancel(alarm)) alive->Try();
      });
    }
    Timers& timers;
    const RetryRules rules;
    const Deadline deadline;
    const CancelToken cancel;
    const std::function<void(absl::AnyInvocable<void(absl::StatusOr<T>)>)> attempt;
    absl::AnyInvocable<void(absl::StatusOr<T>)> done;
    int tried = 0;
  };
  std::make_shared<Run>(timers, std::move(rules), deadline, std::move(cancel), std::move(attempt),
                        std::move(done))
      ->Try();
}

}  // namespace sluice
