// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "services/token_broker/doctor.h"

namespace sluice::broker {

// The checks `key`, `sts` and `clock`. The first endpoint that takes the key; empty where none does.
std::string ExamineEndpoints(const Patient& patient, std::vector<Finding>& findings);

}  // namespace sluice::broker
