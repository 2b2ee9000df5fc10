// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::broker {

// Which image processes a grant allows. A value.
struct ProcessRules {
  // Actions of `image/`.
  std::set<std::string> actions = {"resize", "watermark"};
  // Saved styles.
  std::set<std::string> styles;
};

// Whether `image/` has such an action here.
bool IsKnownAction(std::string_view action);

// Whether `image/resize,w_200` or `style/thumb` may be signed for a caller whose keys begin with `prefix`. It
// is read action by action and parameter by parameter, never passed on unread: `INVALID_ARGUMENT`
// `PROCESS_INVALID` for over 1,024 bytes, another form, an action or style that the rules do not name, a
// parameter that is none of its action's, a value with a byte outside `[A-Za-z0-9_=-]`, a watermark's
// `image_` whose key lies outside `prefix` or whose own process is not a resize. `|sys/saveas` and the like
// have no place in it. Pure.
absl::Status CheckProcess(std::string_view process, const ProcessRules& rules, std::string_view prefix);

}  // namespace sluice::broker
