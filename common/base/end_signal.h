// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

namespace sluice {

// SIGTERM and Ctrl-C as something to wait for. Made before any thread, so that all inherit the blocked
// signals; also makes writing to a closed connection an error instead of an end.
class EndSignal {
 public:
  EndSignal();
  // Blocks until one comes.
  void Await() const;

 private:
  sigset_t signals_;
};

}  // namespace sluice
