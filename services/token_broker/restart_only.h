// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/status.h"
#include "services/token_broker/config.h"

namespace sluice::broker {

// Whether a running broker can go over to `next`: identity, grants, keys, tickets, deny list, proxies, limits of
// load and the share of STS can change; what was opened at start (listeners, audit, STS addresses, own key,
// caches) cannot. `FAILED_PRECONDITION` `RESTART_NEEDED` names the field. Pure.
absl::Status CheckReplaceable(const Settings& running, const Settings& next);

}  // namespace sluice::broker
