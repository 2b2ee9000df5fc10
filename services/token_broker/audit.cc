// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/audit.h"

#include <utility>

#include "common/base/iso_time.h"
#include "common/base/json_line.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/telemetry/line_sink.h"
#include "services/token_broker/access.h"

namespace sluice::broker {
namespace {

// A line is its call's own part and what may be the same for many calls.
void AppendHead(const AuditStamp& stamp, std::string& out) {
  out += R"({"time":")";
  AppendIsoMillis(stamp.time, out);
  out += R"(","event":"audit")";
  if (!stamp.request_id.empty()) {
    out += R"(,"request_id":")";
    out += stamp.request_id;
    out += '"';
  }
  if (!stamp.trace_id.empty()) {
    out += R"(,"trace_id":")";
    out += stamp.trace_id;
    out += '"';
  }
}

std::string Tail(const AuditRecord& record) {
  JsonLine line;
  line.Add("method", record.method);
  line.Add("decision", record.allowed ? "allowed" : "refused");
  const std::pair<const char*, const std::string&> texts[] = {{"reason", record.reason},
                                                              {"provider", record.provider},
                                                              {"subject", record.subject},
                                                              {"actor", record.actor},
                                                              {"ticket_id", record.ticket_id},
                                                              {"grant", record.grant},
                                                              {"grant_id", record.grant_id},
                                                              {"access_key_id", record.access_key_id},
                                                              {"form", record.form},
                                                              {"signed_sha256", record.signed_sha256},
                                                              {"region", record.region},
                                                              {"policy_sha256", record.policy_sha256},
                                                              {"peer", record.peer}};
  for (const auto& [name, value] : texts) {
    if (!value.empty()) line.Add(name, value);
  }
  if (record.scope) {
    line.Add("bucket", record.scope->bucket);
    line.Add(record.scope->is_object ? "key" : "prefix", record.scope->target);
    line.Add("operations", OperationNames(record.scope->operations));
  }
  if (record.expires) line.Add("expires", IsoExtended(*record.expires));
  std::string out = std::move(line).Take();
  out.front() = ',';
  return out;
}

class FileAudit final : public Audit {
 public:
  explicit FileAudit(std::unique_ptr<telemetry::LineSink> lines) : lines_(std::move(lines)) {}
  absl::Status Accept(const AuditRecord& record) override { return lines_->Accept(AuditLine(record), {}); }
  absl::Status AcceptAgain(const RepeatedAudit& decision, const AuditStamp& stamp) override {
    thread_local std::string head;
    head.clear();
    AppendHead(stamp, head);
    return lines_->Accept(head, decision.tail);
  }

 private:
  const std::unique_ptr<telemetry::LineSink> lines_;
};

}  // namespace

AuditRecord BeginRecord(const char* method, const rpc::CallContext& context, const identity::Caller* caller,
                        Time now) {
  AuditRecord out;
  out.time = now;
  out.method = method;
  out.request_id = context.request_id;
  out.trace_id = context.trace_id;
  out.peer = context.peer;
  if (caller == nullptr) return out;
  out.provider = caller->provider;
  out.subject = caller->subject;
  if (caller->ticket) {
    out.ticket_id = caller->ticket->id;
    const auto& actor = caller->ticket->actor;
    if (actor) out.actor = actor->provider + ":" + actor->subject;
  }
  return out;
}

std::string AuditLine(const AuditRecord& record) {
  std::string out;
  AppendHead({record.time, record.request_id, record.trace_id}, out);
  return out + Tail(record);
}

RepeatedAudit::RepeatedAudit(AuditRecord first) : record(std::move(first)), tail(Tail(record)) {}

absl::Status Audit::AcceptAgain(const RepeatedAudit& decision, const AuditStamp& stamp) {
  AuditRecord record = decision.record;
  record.time = stamp.time;
  record.request_id = stamp.request_id;
  record.trace_id = stamp.trace_id;
  return Accept(record);
}

void RecordRefusal(Audit& audit, AuditRecord record, const absl::Status& why,
                   const std::string& asked_grant) {
  record.reason = Reason(why);
  record.grant = asked_grant.substr(0, 64);
  (void)audit.Accept(record);
}

absl::StatusOr<std::unique_ptr<Audit>> OpenAudit(const std::string& path) {
  ASSIGN_OR_RETURN(auto lines, telemetry::OpenAuditFile(path));
  return std::make_unique<FileAudit>(std::move(lines));
}

}  // namespace sluice::broker
