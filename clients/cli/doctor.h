// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"

namespace sluice::cli {

struct DoctorArguments {
  std::string config;
  bool json = false;
};

// The program `sluice-broker` in `folder`, else in one of `path` (folders with `:` between, as PATH has
// them); empty when it is in none.
std::string FindBrokerProgram(const std::string& folder, const std::string& path);

// Becomes `sluice-broker --doctor` of the folder of this program or of PATH, so that its output and exit code
// are this program's. Only the broker's own machine, config and key can be examined, so nothing is asked over
// the network. Comes back only with `INVALID_ARGUMENT` `USAGE`, where that program cannot be run.
absl::Status RunDoctor(const DoctorArguments& arguments, const std::string& path);

}  // namespace sluice::cli
