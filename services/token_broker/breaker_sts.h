// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <mutex>
#include <string>

#include "common/base/timers.h"
#include "common/crypto/jitter.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// Whether an error means that the endpoint, or the way there, is at fault: `STS_UNREACHABLE` and
// `STS_ANSWER_INVALID`. Whatever STS itself has said is an answer, and the rest says nothing about it.
bool IsEndpointFault(const absl::Status& status);

struct EndpointHealth {
  // Scheme and host.
  std::string address;
  // Nothing but a probe now and then is sent there.
  bool open = false;
  // Reason of the last fault; empty while there was none since the last answer.
  std::string last_error;
};

// Stops calling one endpoint after three faults in a row. From then on one call at a time is let through, the
// next between 3/4 and one second after the last, and the first answer closes it again. Bounds each attempt,
// so that an endpoint that is silent leaves time for another. Thread-safe; no timers run.
class BreakerSts final : public Sts {
 public:
  // `inner` holds to the deadline it is given; an attempt gets at most `attempt_limit`. All must outlive it
  // and the calls under way.
  BreakerSts(Sts& inner, std::string address, std::chrono::milliseconds attempt_limit, const Timers& timers,
             Jitter jitter);

  // While open, `UNAVAILABLE` `STS_UNREACHABLE` at once, with the delay until the next probe: at most a
  // second.
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

  // From when on a call would be let through; long past while closed.
  Timers::SteadyTime ReadyAt() const;
  EndpointHealth health() const;

 private:
  struct Attempt {
    bool probe = false;
    Timers::SteadyTime started;
    Timers::SteadyTime ends;
    // The caller had too little time for a silence to mean anything.
    bool short_lived = false;
  };
  Timers::SteadyTime NextProbe(Timers::SteadyTime last) const;
  void Settle(const Attempt& attempt, const absl::Status& status);

  Sts& inner_;
  const std::string address_;
  const std::chrono::milliseconds attempt_limit_;
  const Timers& timers_;
  const Jitter jitter_;
  mutable std::mutex mutex_;
  bool open_ = false;  // guarded by mutex_, as all below
  int faults_ = 0;     // in a row
  // While open: when the next probe may go, or the one under way ends.
  Timers::SteadyTime ready_at_{};
  std::string last_error_;
};

}  // namespace sluice::broker
