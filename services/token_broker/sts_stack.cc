// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/sts_stack.h"

#include <utility>

namespace sluice::broker {
namespace {

using std::chrono::milliseconds;

// Of the five seconds a call usually has: two silent endpoints leave time for a third.
constexpr milliseconds kOneOfSeveral{2000};
// With nowhere else to go, what a pause and another try need.
constexpr milliseconds kTheOnlyOne{3000};

}  // namespace

StsStack::StsStack(std::vector<Wire> wires, uint32_t calls_per_second, Timers& timers, Jitter jitter)
    : budget_(calls_per_second, timers, jitter),
      paths_(Paths(std::move(wires), budget_, timers, jitter)),
      failover_(Endpoints(paths_), timers),
      retrying_(failover_, timers, std::move(jitter)) {}

StsStack::Path::Path(Wire end, milliseconds attempt_limit, StsBudget& budget, const Timers& timers,
                     Jitter jitter)
    : wire(std::move(end.sts)),
      breaker(*wire, std::move(end.address), attempt_limit, timers, std::move(jitter)),
      budgeted(breaker, budget) {}

std::vector<std::unique_ptr<StsStack::Path>> StsStack::Paths(std::vector<Wire> wires, StsBudget& budget,
                                                             const Timers& timers, const Jitter& jitter) {
  std::vector<std::unique_ptr<Path>> out;
  const milliseconds limit = wires.size() > 1 ? kOneOfSeveral : kTheOnlyOne;
  for (Wire& wire : wires)
    out.push_back(std::make_unique<Path>(std::move(wire), limit, budget, timers, jitter));
  return out;
}

std::vector<FailoverSts::Endpoint> StsStack::Endpoints(const std::vector<std::unique_ptr<Path>>& paths) {
  std::vector<FailoverSts::Endpoint> out;
  for (const auto& path : paths) out.push_back({path->budgeted, path->breaker});
  return out;
}

std::vector<EndpointHealth> StsStack::Health() const {
  std::vector<EndpointHealth> out;
  for (const auto& path : paths_) out.push_back(path->breaker.health());
  return out;
}

}  // namespace sluice::broker
