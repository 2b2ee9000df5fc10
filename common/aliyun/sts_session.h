// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/aliyun/credentials.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/http/client.h"

namespace sluice::aliyun {

// What a session of this program's own is of; an empty text stands for what the vendor takes by default.
struct SessionOptions {
  // `acs:ram::<account>:role/<name>`.
  std::string role_arn;
  // 2 to 64 of letters, digits and `.@-_`; `sluice` when empty.
  std::string session_name;
  // Narrows the session.
  std::string policy_json;
  std::string external_id;
  // 900 s to the role's maximum.
  std::chrono::seconds life{3600};
};

// `CREDENTIALS_INVALID` for what STS would refuse by its form. Pure.
absl::Status CheckSession(const SessionOptions& options);

// The parameters that every way to a session has, in STS's names. Pure.
std::vector<std::pair<std::string, std::string>> SessionParameters(const SessionOptions& options);

// A session from the first of `endpoints` (scheme and host each) that says anything of STS's, asked in order
// with what `request` makes. Blocks until the deadline. `STS_UNREACHABLE`, or what ReadSessionAnswer gives.
absl::StatusOr<Credentials> FetchSession(http::Client& client, const std::vector<std::string>& endpoints,
                                         const std::function<http::Request(const std::string&)>& request,
                                         const Clock& clock, Deadline deadline, const CancelToken& cancel);

}  // namespace sluice::aliyun
