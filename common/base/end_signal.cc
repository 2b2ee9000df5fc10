// SPDX-License-Identifier: Apache-2.0
#include "common/base/end_signal.h"

namespace sluice {

EndSignal::EndSignal(Hangup hangup) {
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  if (hangup == Hangup::kReloads) sigaddset(&signals_, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

EndSignal::Came EndSignal::Await() const {
  int number = 0;
  sigwait(&signals_, &number);
  return number == SIGHUP ? Came::kHangup : Came::kEnd;
}

}  // namespace sluice
