// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

namespace sluice::bench {

// CPU that all threads of a process have used, those that ended too; 0 when it is gone.
double CpuMicroseconds(pid_t process);

}  // namespace sluice::bench
