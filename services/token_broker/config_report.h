// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "services/token_broker/config.h"

namespace sluice::broker {

// What the operator should know and may have meant otherwise: anonymous callers, prefixes that callers share.
std::vector<std::string> Warnings(const Settings& settings);

// The effective grants with the size of their worst-case policies, for `--check`, and whether an upload
// gateway may ask for their objects by HEAD. A line each.
std::string DescribeGrants(const Settings& settings);

}  // namespace sluice::broker
