// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "services/token_broker/doctor.h"

namespace sluice::broker {

// The checks from `trust` on, of every role and grant.
void ExamineRoles(const Patient& patient, Sts& sts, std::vector<Finding>& findings);

}  // namespace sluice::broker
