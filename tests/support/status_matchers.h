// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "gmock/gmock.h"

namespace sluice::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  *result_listener << StatusOf(arg).ToString();
  return StatusOf(arg).ok();
}

// The code and the stable reason; the text is for people and not compared.
MATCHER_P2(FailsWith, code, reason, "fails with that code and reason " + std::string(reason)) {
  const absl::Status& status = StatusOf(arg);
  *result_listener << status.ToString() << ", reason " << Reason(status);
  return status.code() == code && Reason(status) == reason;
}

}  // namespace sluice::testing
