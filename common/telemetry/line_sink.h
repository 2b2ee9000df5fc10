// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::telemetry {

// Where the lines of an audit go. Thread-safe; does not block on the disk.
class LineSink {
 public:
  virtual ~LineSink() = default;
  // One line, `head` and `tail` together, without its end. OK once it is in the sink's own hands.
  // `UNAVAILABLE` `AUDIT_UNAVAILABLE` with a retry delay when it is full or cannot be written; then nothing
  // may be issued.
  virtual absl::Status Accept(std::string_view head, std::string_view tail) = 0;
};

// Appends to a file, or to standard output when `path` is empty, from a thread of its own. Holds at most
// 4,096 lines; refuses new ones while the last write failed, and goes on by itself when writing works again.
// What was accepted is written before the destructor returns, unless writing fails to the end.
// `INVALID_ARGUMENT` `CONFIG_INVALID` when the file cannot be opened.
absl::StatusOr<std::unique_ptr<LineSink>> OpenAuditFile(const std::string& path);

}  // namespace sluice::telemetry
