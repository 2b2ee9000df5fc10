// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "common/base/timers.h"
#include "services/token_broker/breaker_sts.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// Asks the first endpoint whose breaker lets it, and at a fault the next one at once, while the deadline
// allows. What STS itself has said is the answer. Stands above the budget, so that while all breakers are
// open nobody waits for a turn to hear it. Thread-safe.
class FailoverSts final : public Sts {
 public:
  struct Endpoint {
    // The whole way there.
    Sts& sts;
    // The breaker on that way.
    const BreakerSts& breaker;
  };
  // In the order they are tried; at least one. All must outlive it and the calls under way.
  FailoverSts(std::vector<Endpoint> endpoints, const Timers& timers);

  // When no breaker lets it, `UNAVAILABLE` `STS_UNREACHABLE` at once, with the delay until the first will: at
  // most a second. Otherwise the error of the last endpoint asked.
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

 private:
  struct Call;
  void Try(std::shared_ptr<Call> call, size_t from);
  absl::Status AllOpen() const;

  const std::vector<Endpoint> endpoints_;
  const Timers& timers_;
};

}  // namespace sluice::broker
