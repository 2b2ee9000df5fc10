// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"

namespace sluice {

// Tells when files change, from one thread of its own. It looks at each file's content rather than asking the
// kernel for events, so that renamed files, Kubernetes' links and network file systems are all the same to
// it. Thread-safe.
class FileWatcher {
 public:
  // How often every file is looked at.
  explicit FileWatcher(std::chrono::milliseconds interval = std::chrono::milliseconds(250));
  ~FileWatcher();

  // Calls `changed` on the watcher's thread with the whole text each time it differs from the text told
  // before, beginning with `known`, and `unreadable` once each time the file cannot be read any more (or is
  // larger than 1 MiB). Neither may block for long or destroy the watcher.
  void Watch(std::string path, std::string known, absl::AnyInvocable<void(std::string text)> changed,
             absl::AnyInvocable<void()> unreadable);

  // No call comes after it has returned. Idempotent; blocks for a moment.
  void Stop();

 private:
  struct State;
  const std::unique_ptr<State> state_;
};

}  // namespace sluice
