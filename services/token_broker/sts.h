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

// Who gets a call first when there are fewer than are wanted.
enum class Urgency {
  // Renewal ahead of need; only when nobody waits and there is plenty.
  kAhead,
  // A caller waits.
  kCaller,
  // A session that signs for all callers of a grant; or a caller that has had its turn and is tried again.
  kShared,
};

struct AssumeRoleRequest {
  std::string role_arn;
  std::string session_name;
  std::string policy_json;
  // 900 s to the role's maximum.
  std::chrono::seconds life{};
  Urgency urgency = Urgency::kCaller;
  // Names what is asked for, the same each time it is asked again, so that who was told to come back keeps
  // its place; empty for none.
  std::string turn;
};

// Mints sessions of roles. Thread-safe.
class Sts {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<aliyun::Credentials>)>;
  virtual ~Sts() = default;
  // Calls `done` exactly once, on a thread that must not be blocked. Credentials come with token and
  // expiration. Errors: `STS_REFUSED`, `ROLE_NOT_FOUND`, `STS_THROTTLED`, `STS_BUDGET_SPENT`,
  // `STS_UNREACHABLE`, `STS_ANSWER_INVALID`, `OWN_CREDENTIALS_MISSING`, `CALL_CANCELLED`.
  virtual void AssumeRole(AssumeRoleRequest request, Deadline deadline, CancelToken cancel, Done done) = 0;
};

}  // namespace sluice::broker
