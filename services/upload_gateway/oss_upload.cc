// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/oss_upload.h"

#include <algorithm>
#include <set>
#include <utility>

#include "common/aliyun/oss_error.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::gateway {
namespace {

constexpr std::chrono::milliseconds kCallTime{10'000};
constexpr std::chrono::milliseconds kBodyTime{120'000};
// All attempts at one thing together.
constexpr std::chrono::milliseconds kAllTime{300'000};
constexpr char kTokenName[] = "sluice-upload";

// What another attempt can mend, since nothing is known to be wrong with the request.
bool IsPassing(const absl::Status& status) {
  const std::string reason = Reason(status);
  if (reason == "COMPLETION_UNCONFIRMED") return false;
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) ||
         absl::IsDeadlineExceeded(status) || reason == "CHECKSUM_MISMATCH";
}

// The request may have been carried out although this came back.
bool IsOpen(const absl::Status& status) {
  static const std::set<std::string, std::less<>> kReasons = {
      "HTTP_UNREACHABLE", "HTTP_TIMEOUT", "OSS_UNAVAILABLE", "OSS_ANSWER_INVALID", "HTTP_ANSWER_TOO_LARGE"};
  return kReasons.contains(Reason(status));
}

std::string VendorCode(const absl::Status& status) {
  const auto metadata = Metadata(status);
  const auto code = metadata.find("oss_code");
  return code == metadata.end() ? std::string() : code->second;
}

// What the answer to a request that makes an object says of it.
absl::StatusOr<aliyun::ObjectFacts> FactsOf(
    absl::StatusOr<http::Response> response,
    absl::StatusOr<aliyun::ObjectInfo> (*read)(const http::Response&)) {
  RETURN_IF_ERROR(response.status());
  ASSIGN_OR_RETURN(aliyun::ObjectInfo info, read(*response));
  return aliyun::ObjectFacts{std::move(info), {}, aliyun::VersionOf(*response)};
}

absl::Status Gone() { return absl::CancelledError("nobody waits for this upload any more"); }

absl::Status Mismatch() {
  return Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
              "OSS has stored other bytes than were sent to it, again and again; send them once more");
}

absl::Status ObjectExists() {
  return Fail(absl::StatusCode::kAlreadyExists, "OBJECT_EXISTS",
              "the key is taken, and overwrite was not asked for");
}

absl::Status Unconfirmed() {
  return Fail(absl::StatusCode::kUnavailable, "COMPLETION_UNCONFIRMED",
              "whether the object exists could not be learned; finish again")
      .RetryAfter(std::chrono::seconds(2));
}

}  // namespace

absl::Status ForClient(const absl::Status& status) {
  const std::string reason = Reason(status);
  const bool of_oss = reason.starts_with("OSS_") || reason.starts_with("HTTP_");
  if (status.ok() || !of_oss || reason == "OSS_UNREACHABLE" ||
      (reason == "OSS_REFUSED" && Metadata(status).contains("stage")))
    return status;
  if (reason == "HTTP_CANCELLED") return absl::CancelledError("the caller has gone");
  if (reason == "OSS_CONFLICT" && VendorCode(status) == "FileAlreadyExists") return ObjectExists();
  const bool passing = IsPassing(status) || reason == "OSS_CLOCK_SKEWED" || reason == "OSS_TOKEN_EXPIRED";
  auto out = passing ? Fail(absl::StatusCode::kUnavailable, "OSS_UNREACHABLE",
                            "OSS cannot be used now (" + reason + "); open the upload again and go on")
                     : Fail(absl::StatusCode::kFailedPrecondition, "OSS_REFUSED",
                            "OSS refuses this upload (" + std::string(FromAbsl(status.message())) +
                                "); the operator checks role, bucket and endpoint");
  for (const auto& [name, value] : Metadata(status)) (void)std::move(out).With(name, value);
  (void)std::move(out).With("stage", "oss");
  if (passing) return std::move(out).RetryAfter(RetryDelay(status).value_or(std::chrono::seconds(1)));
  return out;
}

std::shared_ptr<OssUpload> OssUpload::Make(const OssTools& tools, SealedUpload upload, CallFacts call) {
  return std::shared_ptr<OssUpload>(new OssUpload(tools, std::move(upload), std::move(call)));
}

OssUpload::OssUpload(const OssTools& tools, SealedUpload upload, CallFacts call)
    : tools_(tools), upload_(std::move(upload)), call_(std::move(call)), member_(tools.alive) {}

CallFacts OssUpload::Facts(std::chrono::milliseconds most) const {
  return {call_.trace_id, call_.request_id, Deadline::After(most), member_.token()};
}

RetryRules OssUpload::Rules() const {
  return {5, std::chrono::milliseconds(100), std::chrono::seconds(5),
          [this](const absl::Status& status) {
            const bool again = IsPassing(status);
            if (again) tools_.metrics.Retried();
            return again;
          },
          tools_.random};
}

void OssUpload::Prepare(OssVerb verb) {
  tools_.access.Ask(upload_, {verb, {}, 0}, Facts(kCallTime),
                    [self = shared_from_this(), verb](absl::StatusOr<std::vector<Permit>> permits) {
                      if (!permits.ok()) return;
                      std::lock_guard lock(self->mutex_);
                      self->prepared_.insert_or_assign(verb, std::move(permits->front()));
                    });
}

std::optional<Permit> OssUpload::TakePrepared(OssVerb verb) {
  std::lock_guard lock(mutex_);
  const auto found = prepared_.find(verb);
  if (found == prepared_.end()) return std::nullopt;
  std::optional<Permit> out = std::move(found->second);
  prepared_.erase(found);
  // A request must reach OSS before its permit ends.
  if (tools_.clock.Now() + std::chrono::seconds(10) >= out->expires) return std::nullopt;
  return out;
}

void OssUpload::Call(OssOrder order, std::string body, Answered done) {
  const OssVerb verb = order.verb;
  const CallFacts facts = Facts(kCallTime);
  if (facts.cancel.cancelled()) return done(Gone());
  if (const auto permit = TakePrepared(verb)) {
    tools_.metrics.OssAsked(verb);
    http::Request request = permit->request();
    request.body = std::move(body);
    return tools_.calls.Send(std::move(request), facts.deadline, facts.cancel, std::move(done));
  }
  tools_.access.Ask(upload_, std::move(order), facts,
                    [self = shared_from_this(), verb, facts, body = std::move(body),
                     done = std::move(done)](absl::StatusOr<std::vector<Permit>> permits) mutable {
                      if (!permits.ok()) return done(permits.status());
                      self->tools_.metrics.OssAsked(verb);
                      http::Request request = permits->front().request();
                      request.body = std::move(body);
                      self->tools_.calls.Send(std::move(request), facts.deadline, facts.cancel,
                                              std::move(done));
                    });
}

void OssUpload::Send(OssOrder order, absl::Cord body, std::optional<Permit> permit, Answered done) {
  const OssVerb verb = order.verb;
  if (member_.token().cancelled()) return done(Gone());
  const auto send = [self = shared_from_this(), verb](const Permit& by, absl::Cord bytes, Answered then) {
    self->tools_.metrics.OssAsked(verb);
    const uint64_t size = bytes.size();
    const CallFacts facts = self->Facts(kBodyTime);
    const auto open =
        self->tools_.bodies.Open(by.request(), size, facts.deadline, facts.cancel, std::move(then));
    if (size > 0) open->Write(std::move(bytes));
  };
  if (!permit) permit = TakePrepared(verb);
  if (permit) return send(*permit, std::move(body), std::move(done));
  tools_.access.Ask(upload_, std::move(order), Facts(kCallTime),
                    [send, alive = member_.token(), body = std::move(body),
                     done = std::move(done)](absl::StatusOr<std::vector<Permit>> permits) mutable {
                      if (!permits.ok()) return done(permits.status());
                      if (alive.cancelled()) return done(Gone());
                      send(permits->front(), std::move(body), std::move(done));
                    });
}

void OssUpload::AskParts(std::vector<uint32_t> parts, Done<std::vector<Permit>> done) {
  Retry<std::vector<Permit>>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this(), parts = std::move(parts)](Done<std::vector<Permit>> answer) {
        self->tools_.access.Ask(self->upload_, {OssVerb::kPart, parts, 0}, self->Facts(kCallTime),
                                std::move(answer));
      },
      std::move(done));
}

void OssUpload::Initiate(Done<std::string> done) {
  // An upload that was begun twice is harmless: one of them is never completed.
  Retry<std::string>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this()](Done<std::string> answer) {
        self->Call({OssVerb::kInitiate, {}, 0}, "", [answer = std::move(answer)](auto response) mutable {
          answer(response.ok() ? aliyun::ReadInitiated(*response)
                               : absl::StatusOr<std::string>(response.status()));
        });
      },
      [done = std::move(done)](absl::StatusOr<std::string> id) mutable {
        done(id.ok() ? std::move(id) : absl::StatusOr<std::string>(ForClient(id.status())));
      });
}

void OssUpload::ListParts(Done<std::vector<StoredPart>> done) {
  ListFrom(0, std::make_shared<std::vector<StoredPart>>(), std::move(done));
}

void OssUpload::ListFrom(uint32_t after, std::shared_ptr<std::vector<StoredPart>> so_far,
                         Done<std::vector<StoredPart>> done) {
  Retry<aliyun::PartsPage>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this(), after](Done<aliyun::PartsPage> answer) {
        self->Call({OssVerb::kListParts, {}, after}, "", [answer = std::move(answer)](auto response) mutable {
          answer(response.ok() ? aliyun::ReadPartsPage(*response)
                               : absl::StatusOr<aliyun::PartsPage>(response.status()));
        });
      },
      [self = shared_from_this(), after, so_far = std::move(so_far),
       done = std::move(done)](absl::StatusOr<aliyun::PartsPage> page) mutable {
        if (!page.ok())
          return done(Reason(page.status()) == "OSS_NOT_FOUND" ? UploadNotFound() : ForClient(page.status()));
        for (auto& part : page->parts)
          so_far->push_back({part.number, part.bytes, std::move(part.etag), part.crc64});
        if (!page->next) return done(std::move(*so_far));
        if (*page->next <= after)
          return done(ForClient(Fail(absl::StatusCode::kUnavailable, "OSS_ANSWER_INVALID",
                                     "OSS lists parts without end; check endpoint and proxies")));
        self->ListFrom(*page->next, std::move(so_far), std::move(done));
      });
}

void OssUpload::PutPart(uint32_t number, absl::Cord bytes, uint64_t crc64, std::optional<Permit> permit,
                        Done<StoredPart> done) {
  auto first = std::make_shared<std::optional<Permit>>(std::move(permit));
  const uint64_t size = bytes.size();
  Retry<StoredPart>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this(), number, size, crc64, bytes = std::move(bytes),
       first](Done<StoredPart> answer) {
        self->Send({OssVerb::kPart, {number}, 0}, bytes, std::exchange(*first, std::nullopt),
                   [number, size, crc64, answer = std::move(answer)](auto response) mutable {
                     if (!response.ok()) return answer(response.status());
                     const auto stored = aliyun::ReadStored(*response);
                     if (!stored.ok()) return answer(stored.status());
                     if (stored->crc64.value_or(crc64) != crc64) return answer(Mismatch());
                     answer(StoredPart{number, size, stored->etag, crc64});
                   });
      },
      [done = std::move(done)](absl::StatusOr<StoredPart> part) mutable {
        if (part.ok()) return done(std::move(part));
        done(Reason(part.status()) == "OSS_NOT_FOUND" ? UploadNotFound() : ForClient(part.status()));
      });
}

std::shared_ptr<http::OutgoingBody> OssUpload::OpenPart(const Permit& permit, std::optional<uint64_t> length,
                                                        Done<StoredPart> done) {
  tools_.metrics.OssAsked(OssVerb::kPart);
  // As long as the client takes; a stream that stands still is ended elsewhere.
  return tools_.bodies.Open(
      permit.request(), length, Deadline::After(std::chrono::hours(1)), member_.token(),
      [number = permit.part, done = std::move(done)](absl::StatusOr<http::Response> response) mutable {
        if (!response.ok()) return done(ForClient(response.status()));
        const auto stored = aliyun::ReadStored(*response);
        if (!stored.ok())
          return done(Reason(stored.status()) == "OSS_NOT_FOUND" ? UploadNotFound()
                                                                 : ForClient(stored.status()));
        done(StoredPart{number, 0, stored->etag, stored->crc64});
      });
}

void OssUpload::Put(absl::Cord bytes, uint64_t crc64, Done<UploadedObject> done) {
  const uint64_t size = bytes.size();
  Make(
      [self = shared_from_this(), bytes = std::move(bytes)](Done<aliyun::ObjectFacts> answer) {
        self->Send({OssVerb::kPut, {}, 0}, bytes, std::nullopt,
                   [answer = std::move(answer)](auto response) mutable {
                     answer(FactsOf(std::move(response), aliyun::ReadStored));
                   });
      },
      size, crc64, std::move(done));
}

void OssUpload::Complete(std::vector<StoredPart> parts, uint64_t size, std::optional<uint64_t> crc64,
                         Done<UploadedObject> done) {
  std::vector<aliyun::PartInfo> named;
  for (const StoredPart& part : parts)
    named.push_back({static_cast<int>(part.number), part.etag, std::nullopt});
  Make(
      [self = shared_from_this(), body = aliyun::CompleteBody(named)](Done<aliyun::ObjectFacts> answer) {
        self->Call({OssVerb::kComplete, {}, 0}, body, [answer = std::move(answer)](auto response) mutable {
          answer(FactsOf(std::move(response), aliyun::ReadCompleted));
        });
      },
      size, crc64, std::move(done));
}

UploadedObject OssUpload::Describe(const aliyun::ObjectFacts& facts) const {
  const aliyun::ObjectInfo& info = facts.info;
  UploadedObject out;
  out.set_bucket(upload_.bucket());
  out.set_key(upload_.key());
  out.set_etag("\"" + info.etag + "\"");
  out.set_size_bytes(info.size);
  out.set_crc64(info.crc64.value_or(0));
  out.set_version_id(facts.version_id);
  out.set_whole_object_verified(info.crc64.has_value());
  return out;
}

void OssUpload::Make(std::function<void(Done<aliyun::ObjectFacts>)> attempt, uint64_t size,
                     std::optional<uint64_t> crc64, Done<UploadedObject> done) {
  auto first = std::make_shared<bool>(true);
  Retry<UploadedObject>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this(), attempt = std::move(attempt), first](Done<UploadedObject> answer) {
        self->MakeOnce(attempt, std::exchange(*first, false), std::move(answer));
      },
      [size, crc64, done = std::move(done)](absl::StatusOr<UploadedObject> object) mutable {
        if (!object.ok()) return done(ForClient(object.status()));
        // What OSS says of the whole object is the proof; only it sets whole_object_verified so far.
        const bool summed = object->whole_object_verified();
        if (summed && crc64 && object->crc64() != *crc64) return done(Mismatch());
        object->set_size_bytes(size);
        object->set_whole_object_verified(summed && crc64.has_value());
        if (!summed) object->set_crc64(crc64.value_or(0));
        done(std::move(object));
      });
}

void OssUpload::MakeOnce(const std::function<void(Done<aliyun::ObjectFacts>)>& attempt, bool first,
                         Done<UploadedObject> done) {
  attempt([self = shared_from_this(), first,
           done = std::move(done)](absl::StatusOr<aliyun::ObjectFacts> made) mutable {
    if (made.ok()) return done(self->Describe(*made));
    const absl::Status failed = made.status();
    const std::string reason = Reason(failed);
    const bool conflict = reason == "OSS_CONFLICT" && VendorCode(failed) == "FileAlreadyExists";
    const bool gone = reason == "OSS_NOT_FOUND";
    if (reason == "OSS_REFUSED" && VendorCode(failed) == "InvalidPart") {
      return done(Fail(absl::StatusCode::kAborted, "STREAM_REPLACED",
                       "another stream of this upload has stored other parts meanwhile; open it again"));
    }
    if (!conflict && !gone && !IsOpen(failed)) return done(failed);
    // Perhaps it is there all the same: by this attempt, one before it, or another replica's.
    self->Find([self, first, conflict, gone, failed,
                done = std::move(done)](absl::StatusOr<UploadedObject> found) mutable {
      if (found.ok()) return done(std::move(found));
      const bool absent = absl::IsNotFound(found.status());
      if (conflict && (absent || first)) return done(ObjectExists());
      if (gone) return done(absent || first ? UploadNotFound() : Unconfirmed());
      // Not there: tried again. Nobody can tell: what replaces itself may be tried again too.
      if (absent || (self->upload_.overwrite() && !conflict)) return done(failed);
      done(Unconfirmed());
    });
  });
}

void OssUpload::Find(Done<UploadedObject> done) {
  Retry<aliyun::ObjectFacts>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this()](Done<aliyun::ObjectFacts> answer) {
        self->Call({OssVerb::kHead, {}, 0}, "", [answer = std::move(answer)](auto response) mutable {
          answer(response.ok() ? aliyun::ReadFacts(*response)
                               : absl::StatusOr<aliyun::ObjectFacts>(response.status()));
        });
      },
      [self = shared_from_this(), done = std::move(done)](absl::StatusOr<aliyun::ObjectFacts> facts) mutable {
        if (!facts.ok())
          return done(Reason(facts.status()) == "OSS_NOT_FOUND" ? UploadNotFound() : Unconfirmed());
        const auto token = facts->metadata.find(kTokenName);
        if (token == facts->metadata.end() || token->second != self->upload_.object_token())
          return done(UploadNotFound());
        done(self->Describe(*facts));
      });
}

void OssUpload::Abort(absl::AnyInvocable<void(absl::Status)> done) {
  Retry<int>(
      tools_.timers, Rules(), Deadline::After(kAllTime).Sooner(call_.deadline), member_.token(),
      [self = shared_from_this()](Done<int> answer) {
        self->Call({OssVerb::kAbort, {}, 0}, "", [answer = std::move(answer)](auto response) mutable {
          if (!response.ok()) return answer(response.status());
          if (response->status == 204 || response->status == 404) return answer(response->status);
          answer(aliyun::OssError(*response));
        });
      },
      [done = std::move(done)](absl::StatusOr<int> status) mutable { done(ForClient(status.status())); });
}

}  // namespace sluice::gateway
