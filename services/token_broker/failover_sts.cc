// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/failover_sts.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {

struct FailoverSts::Call {
  AssumeRoleRequest request;
  const Deadline deadline;
  const CancelToken cancel;
  Done done;
  absl::Status last;  // OK before the first attempt
};

FailoverSts::FailoverSts(std::vector<Endpoint> endpoints, const Timers& timers)
    : endpoints_(std::move(endpoints)), timers_(timers) {}

void FailoverSts::AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) {
  Try(std::make_shared<Call>(Call{std::move(request), deadline, std::move(cancel), std::move(done), {}}), 0);
}

void FailoverSts::Try(std::shared_ptr<Call> call, size_t from) {
  const auto now = timers_.Now();
  const auto next = std::find_if(endpoints_.begin() + static_cast<std::ptrdiff_t>(from), endpoints_.end(),
                                 [&](const Endpoint& endpoint) { return endpoint.breaker.ReadyAt() <= now; });
  const bool over = !call->last.ok() && (call->cancel.cancelled() || now >= call->deadline.at());
  if (over || next == endpoints_.end()) return call->done(call->last.ok() ? AllOpen() : call->last);
  Call& asked = *call;
  next->sts.AssumeRole(
      asked.request, asked.deadline, asked.cancel,
      [this, call = std::move(call), after = static_cast<size_t>(next - endpoints_.begin()) + 1](
          absl::StatusOr<aliyun::Credentials> answer) mutable {
        if (!IsEndpointFault(answer.status())) return call->done(std::move(answer));
        call->last = answer.status();
        // It has had its turn.
        if (call->request.urgency == Urgency::kCaller) call->request.urgency = Urgency::kShared;
        Try(std::move(call), after);
      });
}

absl::Status FailoverSts::AllOpen() const {
  using std::chrono::milliseconds;
  const auto now = timers_.Now();
  auto wait = std::chrono::ceil<milliseconds>(std::chrono::seconds(1));
  for (const Endpoint& endpoint : endpoints_)
    wait = std::min(wait, std::chrono::ceil<milliseconds>(endpoint.breaker.ReadyAt() - now));
  return Fail(absl::StatusCode::kUnavailable, "STS_UNREACHABLE",
              "no endpoint of STS has answered lately and each is tried again soon; come back as told, and "
              "check the network and sts.endpoints")
      .RetryAfter(std::max(wait, milliseconds(1)));
}

}  // namespace sluice::broker
