// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "common/base/timers.h"
#include "common/crypto/jitter.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// Whether the same call may succeed shortly: `STS_THROTTLED`, `STS_UNREACHABLE`, `STS_ANSWER_INVALID`,
// `OWN_CREDENTIALS_MISSING`.
bool IsRetried(const absl::Status& status);

// Asks up to three times, with growing pauses of random length and none shorter than the error's own delay.
// An error whose pause would leave no time for another call is told at once. Stands on top, so that each
// attempt passes through failover, budget and breaker. Thread-safe; no thread waits.
class RetryingSts final : public Sts {
 public:
  // All must outlive it and the calls under way.
  RetryingSts(Sts& inner, Timers& timers, Jitter jitter);

  // Errors are those of `inner`; `CANCELLED` `CALL_CANCELLED` at once when cancelled during a pause.
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

 private:
  struct Call;
  void Try(const std::shared_ptr<Call>& call);
  void Pause(const std::shared_ptr<Call>& call, absl::Status error);

  Sts& inner_;
  Timers& timers_;
  const Jitter jitter_;
};

}  // namespace sluice::broker
