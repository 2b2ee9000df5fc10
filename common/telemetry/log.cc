// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/log.h"

#include <unistd.h>

#include "common/base/iso_time.h"

namespace sluice::telemetry {

std::string LogLine(Time time, Severity severity, std::string_view event, const boost::json::object& fields) {
  boost::json::object line{{"time", IsoMillis(time)},
                           {"severity", severity == Severity::kInfo      ? "info"
                                        : severity == Severity::kWarning ? "warning"
                                                                         : "error"},
                           {"event", boost::json::string_view(event.data(), event.size())}};
  for (const auto& field : fields) line.insert(field);
  return boost::json::serialize(line);
}

void StderrLog::Write(Severity severity, std::string_view event, boost::json::object fields) {
  const std::string line = LogLine(clock_.Now(), severity, event, fields) + "\n";
  // A log that cannot be written has nobody left to tell.
  (void)!write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace sluice::telemetry
