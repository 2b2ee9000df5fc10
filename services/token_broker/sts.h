// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"

namespace sluice::broker {

struct AssumeRoleRequest {
  std::string role_arn;
  std::string session_name;
  std::string policy_json;
  // 900 s to the role's maximum.
  std::chrono::seconds life{};
};

// Mints sessions of roles. Thread-safe.
class Sts {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<aliyun::Credentials>)>;
  virtual ~Sts() = default;
  // Calls `done` exactly once, on a thread that must not be blocked. Credentials come with token and
  // expiration. Errors: `STS_REFUSED`, `ROLE_NOT_FOUND`, `STS_THROTTLED`, `STS_UNREACHABLE`,
  // `STS_ANSWER_INVALID`, `CALL_CANCELLED`.
  virtual void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) = 0;
};

}  // namespace sluice::broker
