// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "absl/functional/any_invocable.h"

namespace sluice {

// The receiving end of "nobody waits for this any more". Copies share one state. Thread-safe.
class CancelToken {
 public:
  // A token that is never cancelled.
  CancelToken();
  bool cancelled() const;
  // Runs `then` once, on the cancelling thread; at once if already cancelled. `then` must not block.
  void OnCancel(absl::AnyInvocable<void()> then) const;

 private:
  friend class CancelSource;
  struct State;
  explicit CancelToken(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

// The deciding end. Cancel() may be called any number of times, from any thread, under no lock of the
// caller's.
class CancelSource {
 public:
  CancelSource();
  CancelToken token() const;
  void Cancel();

 private:
  std::shared_ptr<CancelToken::State> state_;
};

}  // namespace sluice
