// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "boost/json.hpp"
#include "common/base/clock.h"

namespace sluice::telemetry {

enum class Severity { kInfo, kWarning, kError };

// Structured lines for the operator: one JSON object each, with `time`, `severity`, `event` and the fields
// given. Callers pass no secret; a SecretString cannot become a field. Thread-safe.
class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(Severity severity, std::string_view event, boost::json::object fields = {}) = 0;
};

// Each line leaves in one write, so that lines of several threads do not mix.
class StderrLog final : public Log {
 public:
  explicit StderrLog(const Clock& clock) : clock_(clock) {}
  void Write(Severity severity, std::string_view event, boost::json::object fields = {}) override;

 private:
  const Clock& clock_;
};

// The line without its end.
std::string LogLine(Time time, Severity severity, std::string_view event, const boost::json::object& fields);

}  // namespace sluice::telemetry
