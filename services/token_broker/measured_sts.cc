// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/measured_sts.h"

#include "common/base/status.h"

namespace sluice::broker {

void MeasuredSts::AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) {
  inner_.AssumeRole(std::move(request), deadline, std::move(cancel),
                    [this, began = timers_.Now(),
                     done = std::move(done)](absl::StatusOr<aliyun::Credentials> credentials) mutable {
                      metrics_.StsCalled(credentials.ok() ? "OK" : Reason(credentials.status()),
                                         timers_.Now() - began);
                      done(std::move(credentials));
                    });
}

}  // namespace sluice::broker
