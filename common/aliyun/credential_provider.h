// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"

namespace sluice::aliyun {

// One way to this program's own key. Used by one thread at a time, which it may block.
class CredentialProvider {
 public:
  virtual ~CredentialProvider() = default;
  // As a config names it, such as `env`.
  virtual std::string name() const = 0;
  // Where the latest Fetch looked, for a person: a file, a role, a host. Holds no secret.
  virtual std::string description() const = 0;
  // Blocks until the deadline at the latest. A key without `expiration` stays. No error repeats a secret:
  // - `NOT_FOUND` `CREDENTIALS_MISSING`: this way is not set up; the text says what it lacks;
  // - `INVALID_ARGUMENT` `CREDENTIALS_INVALID`: it is set up wrongly, on this machine;
  // - `UNAVAILABLE` `CREDENTIALS_UNAVAILABLE`, or what StsError gives: whoever was asked gave no key.
  virtual absl::StatusOr<Credentials> Fetch(Deadline deadline, CancelToken cancel) = 0;
};

}  // namespace sluice::aliyun
