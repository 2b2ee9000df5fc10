// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/breaker_sts.h"

#include <algorithm>
#include <optional>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

using std::chrono::milliseconds;

constexpr int kFaultsToOpen = 3;
constexpr milliseconds kProbeLimit{1000};
constexpr milliseconds kPauseLeast{750};
constexpr milliseconds kPauseMost{1000};
constexpr milliseconds kPauseAfterProbe{100};
// A silence shorter than this is the caller's haste.
constexpr milliseconds kFairWait{1000};
// Clients count whole milliseconds and may give up a little before the deadline.
constexpr milliseconds kRounding{10};

bool IsAnswer(const absl::Status& status) {
  const std::string reason = Reason(status);
  return status.ok() || reason == "STS_REFUSED" || reason == "ROLE_NOT_FOUND" || reason == "STS_THROTTLED";
}

absl::Status OpenError(Timers::SteadyTime::duration wait) {
  return Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
              "STS has not answered lately and is tried again soon; come back as told, and check the network "
              "and sts.endpoints")
      .RetryAfter(std::clamp(std::chrono::ceil<milliseconds>(wait), milliseconds(1), kPauseMost));
}

}  // namespace

bool IsEndpointFault(const absl::Status& status) {
  const std::string reason = Reason(status);
  return reason == "STS_UNREACHABLE" || reason == "STS_ANSWER_INVALID";
}

BreakerSts::BreakerSts(Sts& inner, std::string address, milliseconds attempt_limit, const Timers& timers,
                       Jitter jitter)
    : inner_(inner),
      address_(std::move(address)),
      attempt_limit_(attempt_limit),
      timers_(timers),
      jitter_(std::move(jitter)) {}

Timers::SteadyTime BreakerSts::NextProbe(Timers::SteadyTime last) const {
  return last + kPauseLeast +
         std::chrono::duration_cast<milliseconds>((kPauseMost - kPauseLeast) * jitter_());
}

void BreakerSts::AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) {
  Attempt attempt;
  std::optional<Timers::SteadyTime::duration> refused;
  {
    std::lock_guard lock(mutex_);
    attempt.started = timers_.Now();
    attempt.probe = open_;
    if (open_ && attempt.started < ready_at_) refused = ready_at_ - attempt.started;
    const milliseconds limit = open_ ? std::min(attempt_limit_, kProbeLimit) : attempt_limit_;
    attempt.ends = std::min(deadline.at(), attempt.started + limit);
    attempt.short_lived = attempt.ends - attempt.started < std::min(limit, kFairWait);
    // Nobody else until the probe's own end; then another may go, should this one never be answered.
    if (open_ && !refused) ready_at_ = NextProbe(attempt.started + limit);
  }
  if (refused) return done(OpenError(*refused));
  inner_.AssumeRole(
      std::move(request), Deadline(attempt.ends), std::move(cancel),
      [this, attempt, done = std::move(done)](absl::StatusOr<aliyun::Credentials> answer) mutable {
        Settle(attempt, answer.status());
        done(std::move(answer));
      });
}

void BreakerSts::Settle(const Attempt& attempt, const absl::Status& status) {
  std::lock_guard lock(mutex_);
  const auto now = timers_.Now();
  if (IsAnswer(status)) {
    open_ = false;
    faults_ = 0;
    last_error_.clear();
    return;
  }
  const bool hasty = attempt.short_lived && now + kRounding >= attempt.ends;
  const bool fault = IsEndpointFault(status) && !hasty;
  if (fault) last_error_ = Reason(status);
  if (open_ && attempt.probe) ready_at_ = std::max(NextProbe(attempt.started), now + kPauseAfterProbe);
  if (open_ || !fault || ++faults_ < kFaultsToOpen) return;
  open_ = true;
  ready_at_ = NextProbe(now);
}

Timers::SteadyTime BreakerSts::ReadyAt() const {
  std::lock_guard lock(mutex_);
  return open_ ? ready_at_ : Timers::SteadyTime();
}

EndpointHealth BreakerSts::health() const {
  std::lock_guard lock(mutex_);
  return {address_, open_, last_error_};
}

}  // namespace sluice::broker
