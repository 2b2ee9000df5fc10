// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/retrying_sts.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "common/base/status.h"

namespace sluice::broker {
namespace {

using std::chrono::milliseconds;

constexpr int kAttempts = 3;
constexpr milliseconds kFirstPause{100};
// A pause that leaves less than this is not worth it.
constexpr milliseconds kForTheCall{200};

}  // namespace

bool IsRetried(const absl::Status& status) {
  const std::string reason = Reason(status);
  return reason == "STS_THROTTLED" || reason == "STS_UNREACHABLE" || reason == "STS_ANSWER_INVALID" ||
         reason == "OWN_CREDENTIALS_MISSING";
}

struct RetryingSts::Call {
  AssumeRoleRequest request;
  const Deadline deadline;
  const CancelToken cancel;
  Done done;
  int attempts = 0;  // one attempt or pause at a time
  std::mutex mutex;
  std::optional<Timers::Id> pause;  // guarded by mutex; who takes it goes on with the call

  // The alarm of the pause, if there is one and nobody has ended it.
  std::optional<Timers::Id> EndPause() {
    std::lock_guard lock(mutex);
    return std::exchange(pause, std::nullopt);
  }
};

RetryingSts::RetryingSts(Sts& inner, Timers& timers, Jitter jitter)
    : inner_(inner), timers_(timers), jitter_(std::move(jitter)) {}

void RetryingSts::AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) {
  Try(std::shared_ptr<Call>(
      new Call{std::move(request), deadline, std::move(cancel), std::move(done), 0, {}, {}}));
}

void RetryingSts::Try(const std::shared_ptr<Call>& call) {
  ++call->attempts;
  inner_.AssumeRole(call->request, call->deadline, call->cancel,
                    [this, call](absl::StatusOr<aliyun::Credentials> answer) {
                      if (call->attempts < kAttempts && IsRetried(answer.status()))
                        return Pause(call, answer.status());
                      call->done(std::move(answer));
                    });
}

void RetryingSts::Pause(const std::shared_ptr<Call>& call, absl::Status error) {
  const milliseconds grown = kFirstPause * (1 << (call->attempts - 1));
  const milliseconds least = std::max(grown, RetryDelay(error).value_or(milliseconds(0)));
  const milliseconds pause = least + std::chrono::duration_cast<milliseconds>(grown * jitter_());
  if (timers_.Now() + pause + kForTheCall > call->deadline.at()) return call->done(std::move(error));
  // It has had its turn; who was refused before it had one has not.
  if (Reason(error) == "STS_THROTTLED" && call->request.urgency == Urgency::kCaller)
    call->request.urgency = Urgency::kShared;
  {
    std::lock_guard lock(call->mutex);
    call->pause = timers_.After(pause, [this, call] {
      if (call->EndPause()) Try(call);
    });
  }
  // A call that is over has no pause to end, so its timers are not touched.
  call->cancel.OnCancel([this, weak = std::weak_ptr(call)] {
    const auto paused = weak.lock();
    const auto alarm = paused ? paused->EndPause() : std::nullopt;
    if (!alarm) return;
    timers_.Cancel(*alarm);
    paused->done(Fail(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the caller no longer waits"));
  });
}

}  // namespace sluice::broker
