// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

namespace sluice {

// SIGTERM and Ctrl-C as something to wait for. Made before any thread, so that all inherit the blocked
// signals; also makes writing to a closed connection an error instead of an end.
class EndSignal {
 public:
  enum class Hangup {
    // SIGHUP ends the process, as it usually does.
    kEnds,
    // SIGHUP is waited for too, and stands for reading everything again.
    kReloads,
  };
  enum class Came { kEnd, kHangup };

  explicit EndSignal(Hangup hangup = Hangup::kEnds);
  // Blocks until one comes, and says which.
  Came Await() const;

 private:
  sigset_t signals_;
};

}  // namespace sluice
