// SPDX-License-Identifier: Apache-2.0
#include "common/base/cancel.h"

#include <mutex>
#include <utility>
#include <vector>

namespace sluice {

struct CancelToken::State {
  std::mutex mutex;
  bool cancelled = false;
  std::vector<absl::AnyInvocable<void()>> waiting;
};

CancelToken::CancelToken() = default;
CancelToken::CancelToken(std::shared_ptr<State> state) : state_(std::move(state)) {}

bool CancelToken::cancelled() const {
  if (!state_) return false;
  std::lock_guard lock(state_->mutex);
  return state_->cancelled;
}

void CancelToken::OnCancel(absl::AnyInvocable<void()> then) const {
  if (!state_) return;
  {
    std::lock_guard lock(state_->mutex);
    if (!state_->cancelled) {
      state_->waiting.push_back(std::move(then));
      return;
    }
  }
  then();
}

CancelSource::CancelSource() : state_(std::make_shared<CancelToken::State>()) {}
CancelToken CancelSource::token() const { return CancelToken(state_); }

void CancelSource::Cancel() {
  std::vector<absl::AnyInvocable<void()>> waiting;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->cancelled) return;
    state_->cancelled = true;
    waiting.swap(state_->waiting);
  }
  for (auto& then : waiting) then();
}

}  // namespace sluice
