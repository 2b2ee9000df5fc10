// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/http/server.h"
#include "common/telemetry/log.h"
#include "services/sandbox/fault.h"

namespace sluice::sandbox {

// One line about a refusal: what was asked (without the query, where signatures live), what was answered, and
// why. A wrong signature's hint repeats the signed text with its token, so it goes to the caller alone.
inline void LogRefusal(telemetry::Log& log, std::string_view endpoint, const Fault& fault,
                       const http::RequestHead& head, std::string_view request_id) {
  const bool repeats_token = fault.code == "SignatureDoesNotMatch";
  log.Write(
      telemetry::Severity::kInfo, "refused",
      {{"endpoint", std::string(endpoint)},
       {"request_id", std::string(request_id)},
       {"status", fault.status},
       {"code", fault.code},
       {"ec", fault.ec},
       {"method", head.method},
       {"path", head.target.substr(0, head.target.find('?'))},
       {"why", repeats_token ? std::string("x-sluice-hint of the answer has the text that was to be signed")
                             : fault.hint}});
}

}  // namespace sluice::sandbox
