// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/base/timers.h"
#include "common/crypto/jitter.h"
#include "services/token_broker/breaker_sts.h"
#include "services/token_broker/budgeted_sts.h"
#include "services/token_broker/failover_sts.h"
#include "services/token_broker/retrying_sts.h"
#include "services/token_broker/sts_budget.h"

namespace sluice::broker {

// STS under load and failure, from top to bottom: retries, failover, and for each endpoint the one budget, a
// breaker, the wire. Thread-safe.
class StsStack {
 public:
  struct Wire {
    // Scheme and host.
    std::string address;
    // One attempt per call.
    std::unique_ptr<Sts> sts;
  };
  // `wires` in the order they are tried, at least one. `timers` must outlive it, and it the calls under way.
  StsStack(std::vector<Wire> wires, uint32_t calls_per_second, Timers& timers, Jitter jitter);

  Sts& top() { return retrying_; }
  StsBudget& budget() { return budget_; }
  // In the order they are tried.
  std::vector<EndpointHealth> Health() const;

 private:
  struct Path {
    Path(Wire end, std::chrono::milliseconds attempt_limit, StsBudget& budget, const Timers& timers,
         Jitter jitter);
    const std::unique_ptr<Sts> wire;
    BreakerSts breaker;
    BudgetedSts budgeted;
  };
  static std::vector<std::unique_ptr<Path>> Paths(std::vector<Wire> wires, StsBudget& budget,
                                                  const Timers& timers, const Jitter& jitter);
  static std::vector<FailoverSts::Endpoint> Endpoints(const std::vector<std::unique_ptr<Path>>& paths);

  StsBudget budget_;
  const std::vector<std::unique_ptr<Path>> paths_;
  FailoverSts failover_;
  RetryingSts retrying_;
};

}  // namespace sluice::broker
