// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/cpu_time.h"

#include <time.h>

namespace sluice::bench {

double CpuMicroseconds(pid_t process) {
  clockid_t clock = 0;
  timespec used{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) return 0;
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

}  // namespace sluice::bench
