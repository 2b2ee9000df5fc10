// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "services/token_broker/scope.h"

namespace sluice::broker {

// One decision, allowed or not. Holds no secret.
struct AuditRecord {
  Time time;
  std::string request_id;
  std::string trace_id;
  // Numeric address.
  std::string peer;
  // `IssueToken`
  std::string method;
  // Empty while the caller is not known.
  std::string provider;
  std::string subject;
  bool allowed = false;
  // Of a refusal.
  std::string reason;
  std::string grant;
  std::string grant_id;
  std::optional<Scope> scope;
  std::string region;
  // Lower-case hex SHA-256 of the policy as sent.
  std::string policy_sha256;
  std::string access_key_id;
  std::optional<Time> expires;
};

// One JSON object without line breaks; fields that are empty are left out. Pure.
std::string AuditLine(const AuditRecord& record);

// Where audit lines go. Thread-safe; does not block on the disk.
class Audit {
 public:
  virtual ~Audit() = default;
  // OK once the line is in the sink's own hands. `UNAVAILABLE` `AUDIT_UNAVAILABLE` with a retry delay when it
  // is full or cannot be written; then nothing may be issued.
  virtual absl::Status Accept(const AuditRecord& record) = 0;
};

// Appends to a file, or to standard output when `path` is empty, from a thread of its own. Holds at most
// 4,096 lines; refuses new ones while the last write failed, and goes on by itself when writing works again.
// What was accepted is written before the destructor returns, unless writing fails to the end.
// `INVALID_ARGUMENT` `CONFIG_INVALID` when the file cannot be opened.
absl::StatusOr<std::unique_ptr<Audit>> OpenAudit(const std::string& path);

}  // namespace sluice::broker
