// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/identity/caller.h"
#include "common/rpc/call_context.h"
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
  // Who asked for the subject's ticket, `<provider>:<subject>`; empty without one.
  std::string actor;
  // Id of the ticket that the caller came with, or that was issued.
  std::string ticket_id;
  bool allowed = false;
  // Of a refusal.
  std::string reason;
  std::string grant;
  std::string grant_id;
  // Null where there is none.
  std::shared_ptr<const Scope> scope;
  std::string region;
  // Lower-case hex SHA-256 of the policy as sent.
  std::string policy_sha256;
  std::string access_key_id;
  // What the answer lets its holder do, for what has no session of its own: `PUT`, `form`, `UPLOAD_PART 1,2`.
  std::string form;
  // Lower-case hex SHA-256 of what was signed, which is never written itself.
  std::string signed_sha256;
  std::optional<Time> expires;
};

// What is known of a decision before it is made; `caller` is null where nobody was known. Pure.
AuditRecord BeginRecord(const char* method, const rpc::CallContext& context, const identity::Caller* caller,
                        Time now);

// One JSON object without line breaks; fields that are empty are left out. Pure.
std::string AuditLine(const AuditRecord& record);

// A decision that is made for many calls alike, its line written but for what each call has of its own.
struct RepeatedAudit {
  explicit RepeatedAudit(AuditRecord first);
  const AuditRecord record;
  // Of the line; the rest stands before it.
  const std::string tail;
};

// What a call has of its own; views, both of hex digits.
struct AuditStamp {
  Time time;
  std::string_view request_id;
  std::string_view trace_id;
};

// Where audit lines go. Thread-safe; does not block on the disk.
class Audit {
 public:
  virtual ~Audit() = default;
  // OK once the line is in the sink's own hands. `UNAVAILABLE` `AUDIT_UNAVAILABLE` with a retry delay when it
  // is full or cannot be written; then nothing may be issued.
  virtual absl::Status Accept(const AuditRecord& record) = 0;
  // The same line as Accept would leave of that decision with that stamp, for less.
  virtual absl::Status AcceptAgain(const RepeatedAudit& decision, const AuditStamp& stamp);
};

// Records that a request was refused, with the grant it asked for, cut. A refusal is an answer even where it
// cannot be recorded.
void RecordRefusal(Audit& audit, AuditRecord record, const absl::Status& why,
                   const std::string& asked_grant = "");

// Writes to what telemetry::OpenAuditFile opens.
absl::StatusOr<std::unique_ptr<Audit>> OpenAudit(const std::string& path);

}  // namespace sluice::broker
