// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "services/token_broker/sts.h"
#include "services/token_broker/sts_budget.h"

namespace sluice::broker {

// Calls the inner one once the budget admits it, and tells the budget when STS found it one too many. Stands
// right above the wire's breaker and below whatever tries again or elsewhere, so that each call on the wire
// is admitted by itself and none can exceed the share, and so that the wait for a turn is no fault of an
// endpoint. An admission whose call was not sent after all is not given back: if the bucket had filled
// meanwhile, giving back would exceed the share; and the breaker keeps such calls few.
class BudgetedSts final : public Sts {
 public:
  // Both must outlive it and the calls under way.
  BudgetedSts(Sts& inner, StsBudget& budget) : inner_(inner), budget_(budget) {}
  void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) override;

 private:
  Sts& inner_;
  StsBudget& budget_;
};

}  // namespace sluice::broker
