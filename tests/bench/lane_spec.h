// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace sluice::bench {

// One kind of callers of a run, as `--lane` says it. A value.
struct LaneSpec {
  enum class Kind {
    // `callers` callers, each asks again as soon as it is answered.
    kClosed,
    // A new user `rate` times a second, who asks until served: waits as RetryInfo says and comes back.
    kOpen,
    // `callers` callers once, all at the same time.
    kBurst,
  };
  enum class Ask { kToken, kPlan, kPlanToken, kExplain, kGrants };

  std::string name;
  Kind kind = Kind::kClosed;
  Ask ask = Ask::kToken;
  // kClosed and kBurst.
  uint32_t callers = 0;
  // kOpen: a second.
  double rate = 0;
  // Whether each request names a path that none has named before, so that no token for it exists yet.
  bool fresh = false;
  // The lane's subjects: lines `first` to `first + users` of the file of JWTs, in turn.
  uint32_t first = 0;
  uint32_t users = 1;
  // Of a token, in seconds; 0 for what the grant gives.
  uint32_t ttl = 0;
  // Whether each user asks once before the run begins, so that its token exists.
  bool prime = false;
};

// `kind=open,name=misses,rate=100,fresh=1,users=64`; keys are the names of the fields above, `ask` one of
// token, plan, plan_token, explain, grants. `INVALID_ARGUMENT` `LANE_INVALID` names what is wrong. Pure.
absl::StatusOr<LaneSpec> ParseLaneSpec(std::string_view text);

}  // namespace sluice::bench
