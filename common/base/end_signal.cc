// SPDX-License-Identifier: Apache-2.0
#include "common/base/end_signal.h"

namespace sluice {

EndSignal::EndSignal() {
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void EndSignal::Await() const {
  int number = 0;
  sigwait(&signals_, &number);
}

}  // namespace sluice
