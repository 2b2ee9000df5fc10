// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "common/base/iso_time.h"
#include "common/base/json_line.h"
#include "common/base/status.h"
#include "services/token_broker/access.h"

namespace sluice::broker {
namespace {

constexpr size_t kMostWaiting = 4096;

// How long lines gather before they are written together.
constexpr std::chrono::milliseconds kLinger{2};
constexpr std::chrono::milliseconds kRetry{200};

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
  FileAudit(int fd, bool owned) : fd_(fd), owned_(owned), writer_([this] { Write(); }) {}
  ~FileAudit() override {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    writer_.join();
    if (owned_) close(fd_);
  }

  absl::Status Accept(const AuditRecord& record) override { return Append(AuditLine(record), {}); }
  absl::Status AcceptAgain(const RepeatedAudit& decision, const AuditStamp& stamp) override {
    thread_local std::string head;
    head.clear();
    AppendHead(stamp, head);
    return Append(head, decision.tail);
  }

 private:
  absl::Status Append(std::string_view head, std::string_view tail) {
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      if (failing_ || lines_ >= kMostWaiting) {
        return Fail(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE",
                    "the audit cannot be written, so nothing is issued; try again")
            .RetryAfter(std::chrono::seconds(1));
      }
      first = lines_++ == 0;
      waiting_ += head;
      waiting_ += tail;
      waiting_ += '\n';
    }
    if (first) changed_.notify_all();
    return absl::OkStatus();
  }

  void Write() {
    std::string batch;
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ending_ || lines_ > 0; });
      if (lines_ == 0) return;
      // The first line of a burst woke this thread; the others come with it, rather than each with a wake-up.
      changed_.wait_for(lock, kLinger, [&] { return ending_; });
      batch.swap(waiting_);
      waiting_.clear();
      lines_ = 0;
      lock.unlock();
      batch.erase(0, WriteSome(batch));
      lock.lock();
      failing_ = !batch.empty();
      if (!failing_) continue;
      // What is left keeps its place; a disk may have room again later.
      batch += waiting_;
      waiting_.swap(batch);
      batch.clear();
      lines_ = static_cast<size_t>(std::count(waiting_.begin(), waiting_.end(), '\n'));
      if (ending_) return;
      changed_.wait_for(lock, kRetry, [&] { return ending_; });
    }
  }

  size_t WriteSome(const std::string& text) const {
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t wrote = write(fd_, text.data() + done, text.size() - done);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) break;
      done += static_cast<size_t>(wrote);
    }
    return done;
  }

  const int fd_;
  const bool owned_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;  // whole lines; guarded by mutex_, as all below
  size_t lines_ = 0;     // in waiting_
  bool failing_ = false;
  bool ending_ = false;
  std::thread writer_;  // last, so that it starts when the rest exists
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
  if (path.empty()) return std::make_unique<FileAudit>(STDOUT_FILENO, false);
  const int fd = open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Fail(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID",
                "audit.file: cannot append to " + path + ": " + std::strerror(errno));
  }
  return std::make_unique<FileAudit>(fd, true);
}

}  // namespace sluice::broker
