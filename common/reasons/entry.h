// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace sluice::reasons {

// A stable reason of an error, and what goes with it.
struct Entry {
  std::string_view reason;
  absl::StatusCode code;
  // Whether the same request may succeed later without anybody acting.
  bool retryable;
  std::string_view mend;
};

}  // namespace sluice::reasons
