// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/budgeted_sts.h"

#include "common/base/status.h"

namespace sluice::broker {

void BudgetedSts::AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) {
  const Urgency urgency = request.urgency;
  std::string turn = request.turn;
  budget_.Admit(urgency, std::move(turn), deadline, cancel,
                [this, request = std::move(request), deadline, cancel,
                 done = std::move(done)](absl::StatusOr<StsBudget::SteadyTime> admitted) mutable {
                  if (!admitted.ok()) return done(admitted.status());
                  inner_.AssumeRole(std::move(request), deadline, std::move(cancel),
                                    [this, at = *admitted, done = std::move(done)](
                                        absl::StatusOr<aliyun::Credentials> answer) mutable {
                                      if (Reason(answer.status()) == "STS_THROTTLED") budget_.Throttled(at);
                                      done(std::move(answer));
                                    });
                });
}

}  // namespace sluice::broker
