// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/base/secret_string.h"

namespace sluice::aliyun {

// An access key of a RAM user, or of a session when `security_token` is set.
struct Credentials {
  std::string access_key_id;
  SecretString access_key_secret;
  SecretString security_token;
  // Absent for keys that do not expire.
  std::optional<Time> expiration;
};

}  // namespace sluice::aliyun
