// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/instance_session.h"

#include <algorithm>

namespace sluice::sandbox {

InstanceSession::Current InstanceSession::Get(Time now) {
  std::lock_guard lock(mutex_);
  const Role* role = world_.instance_role();
  if (role == nullptr) return {};
  const std::chrono::seconds life = std::min<std::chrono::seconds>(role->max_session, std::chrono::hours(6));
  // From before its making too: then the clock was set back.
  const bool good =
      current_.session != nullptr && current_.updated <= now && now + life / 2 < *current_.session->expires;
  if (!good) current_ = {world_.IssueSession(*role, "sandbox-instance", std::nullopt, now, life), now};
  return current_;
}

}  // namespace sluice::sandbox
