// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/ttl.h"

#include <algorithm>

#include "common/base/status.h"

namespace sluice::broker {

absl::StatusOr<std::chrono::seconds> ChooseTtl(const Grant& grant, const google::protobuf::Duration* asked,
                                               std::chrono::seconds shortest, std::chrono::seconds otherwise,
                                               std::chrono::seconds longest) {
  if (asked == nullptr) return otherwise;
  const int64_t seconds = asked->seconds();
  if (asked->nanos() != 0 || seconds < shortest.count()) {
    return Fail(absl::StatusCode::kInvalidArgument, "TTL_INVALID",
                "ttl is a whole number of seconds, at least " + std::to_string(shortest.count()) +
                    (shortest == kShortestSession ? " (the minimum of STS)" : ""));
  }
  if (seconds > longest.count()) {
    return Fail(absl::StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED",
                "the grant " + grant.name + " gives at most " + std::to_string(longest.count()) + " s of ttl")
        .With("field", "ttl")
        .With("nearest_grant", grant.name);
  }
  return std::chrono::seconds(seconds);
}

absl::StatusOr<std::chrono::seconds> ChooseSignedTtl(const Grant& grant,
                                                     const google::protobuf::Duration* asked) {
  constexpr std::chrono::seconds kUsual{900};
  return ChooseTtl(grant, asked, std::chrono::seconds(1), std::min(kUsual, grant.max_ttl), grant.max_ttl);
}

}  // namespace sluice::broker
