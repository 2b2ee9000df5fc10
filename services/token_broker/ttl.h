// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "absl/status/statusor.h"
#include "google/protobuf/duration.pb.h"
#include "services/token_broker/grants.h"

namespace sluice::broker {

// STS gives no shorter session.
inline constexpr std::chrono::seconds kShortestSession{900};

// How long something of a grant may live: what is asked for, `otherwise` when nothing is (null).
// `TTL_INVALID` below `shortest` or with a fraction, `SCOPE_NOT_GRANTED` beyond `longest`. Pure.
absl::StatusOr<std::chrono::seconds> ChooseTtl(const Grant& grant, const google::protobuf::Duration* asked,
                                               std::chrono::seconds shortest, std::chrono::seconds otherwise,
                                               std::chrono::seconds longest);

// The same for URLs and forms: from a second to the grant's maximum, 15 minutes when nothing is asked. Pure.
absl::StatusOr<std::chrono::seconds> ChooseSignedTtl(const Grant& grant,
                                                     const google::protobuf::Duration* asked);

}  // namespace sluice::broker
