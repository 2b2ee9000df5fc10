// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/aliyun/credential_source.h"
#include "common/aliyun/refreshed_credentials.h"
#include "common/base/clock.h"
#include "common/base/environment.h"
#include "common/http/client.h"
#include "services/token_broker/config.h"
#include "services/token_broker/doctor_report.h"
#include "services/token_broker/sts.h"

namespace sluice::broker {

// What is examined, and through whom.
struct Patient {
  const Settings& settings;
  // Which key it has and from where, or why it has none.
  absl::StatusOr<aliyun::OwnKeyState> key;
  // Null where there is no key.
  aliyun::CredentialSource* own = nullptr;
  http::Client& client;
  const Clock& clock;
  // Speaks to that endpoint with the broker's own key.
  std::function<std::unique_ptr<Sts>(const std::string& endpoint)> sts_at;
  // How long one answer may take.
  std::chrono::milliseconds patience{5000};
};

// Blocks until every check has been made, in this order; one that needs another which failed is skipped:
// - `key`: whether there is one, of which way, and when it ends;
// - `sts`, for each endpoint: whether it answers and takes the key. One that cannot be reached is a warning
// as long as another answers;
// - `clock`: STS's against ours; a warning beyond a minute, bad beyond STS's 15;
// - `trust`, `life`, for each role: whether the key may assume it, and for the longest ttl of its grants;
// - `canary`, for each grant that uploads: an object below `<literal start of its prefix>.sluice-doctor/` is
// put, got (where it may be) and deleted. Nothing is written where the role cannot delete it again;
// - `ceiling`, for each grant: which of its operations the role really gives, asked there with the session
// that the grant itself would mint;
// - `public-acl`, `symlink`, `reach`, for each role and bucket: whether the role also lets objects be made
// public, links be placed (which no policy can tell from objects), and whether it reaches beyond the
// prefixes of the grants. These are warnings.
std::vector<Finding> Examine(const Patient& patient);

// The same for a broker with this config in this environment, as it would start now.
std::vector<Finding> ExamineBroker(const Settings& settings, const Environment& environment,
                                   const Clock& clock);

}  // namespace sluice::broker
