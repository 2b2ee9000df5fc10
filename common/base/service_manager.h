// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "common/base/environment.h"

namespace sluice {

// Tells whoever started this process how it is, if that asked for it by NOTIFY_SOCKET, as systemd does for
// Type=notify: `READY=1`, `STOPPING=1`. Never waits, and what cannot be sent is dropped.
void TellServiceManager(std::string_view state, const Environment& environment = ProcessEnvironment());

}  // namespace sluice
