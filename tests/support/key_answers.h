// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/base/deadline.h"
#include "common/base/iso_time.h"
#include "common/base/status.h"
#include "common/http/message.h"

// What those who give keys answer with.
namespace sluice::testing {

// Of instance metadata and a credentials URI.
inline http::Response KeyAnswer(const std::string& id, Time expiration) {
  return {200,
          {},
          R"({"Code":"Success","AccessKeyId":")" + id + R"(","AccessKeySecret":"hunter2-)" + id +
              R"(","SecurityToken":"hunter2-token","Expiration":")" + IsoExtended(expiration) + R"("})"};
}

// Of STS.
inline http::Response SessionAnswer(const std::string& id, Time expiration) {
  http::Response out = KeyAnswer(id, expiration);
  out.body = R"({"RequestId":"R","Credentials":)" + out.body + "}";
  return out;
}

inline absl::Status NobodyThere() {
  return Fail(absl::StatusCode::kUnavailable, "HTTP_UNREACHABLE", "connection refused");
}
inline Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

}  // namespace sluice::testing
