// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/base/config_file.h"

namespace sluice::broker {

// The broker's own key from ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET and, for an STS key,
// ALIBABA_CLOUD_SECURITY_TOKEN. `INVALID_ARGUMENT` `CREDENTIALS_MISSING` names the variable that is missing
// or holds spaces or line breaks.
absl::StatusOr<aliyun::Credentials> ReadEnvironmentCredentials(const Environment& environment);

}  // namespace sluice::broker
