// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <chrono>

#include "common/base/clock.h"

namespace sluice {

// Writes a time after 1970 as protobuf does, to the nanosecond.
inline void SetTime(Time time, google::protobuf::Timestamp& out) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  out.set_seconds(seconds.count());
  out.set_nanos(
      static_cast<int32_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since - seconds).count()));
}

}  // namespace sluice
