// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/tus_edge.h"

#include <mutex>
#include <utility>

#include "common/base/iso_time.h"
#include "common/base/status.h"
#include "common/http/target.h"
#include "common/rpc/http_call.h"
#include "services/upload_gateway/door.h"
#include "services/upload_gateway/tus_request.h"

namespace sluice::gateway {
namespace {

using upload::v1::AbortUploadRequest;
using upload::v1::AbortUploadResponse;
using upload::v1::GetUploadRequest;
using upload::v1::GetUploadResponse;
using upload::v1::StartUploadRequest;
using upload::v1::StartUploadResponse;

constexpr std::string_view kFiles = "/files";

// Where the answer and the one who waits for it meet, whichever comes first.
class AnswerSlot {
 public:
  void Put(http::Answer answer) {
    http::Exchange::Respond respond;
    {
      std::lock_guard lock(mutex_);
      if (!respond_) {
        answer_ = std::move(answer);
        return;
      }
      respond = std::move(respond_);
    }
    respond(std::move(answer));
  }

  void Await(http::Exchange::Respond respond) {
    std::optional<http::Answer> answer;
    {
      std::lock_guard lock(mutex_);
      if (!answer_) {
        respond_ = std::move(respond);
        return;
      }
      answer = std::move(answer_);
    }
    respond(*std::move(answer));
  }

 private:
  std::mutex mutex_;
  std::optional<http::Answer> answer_;  // guarded by mutex_, as below
  http::Exchange::Respond respond_;
};

// One request, from its headers to its answer. Its callbacks keep it alive.
class TusCall : public std::enable_shared_from_this<TusCall> {
 public:
  TusCall(Api& api, ByteBudget& budget, http::RequestHead head)
      : api_(api),
        head_(std::move(head)),
        context_(rpc::ContextOf(head_, cancel_.token())),
        body_(std::make_shared<BodyStream>(StreamContext(), cancel_, budget)) {}

  BodyStream& body() { return *body_; }
  AnswerSlot& answer() { return answer_; }

  void Begin() {
    const std::string_view override_with = http::FindHeader(head_.headers, "X-HTTP-Method-Override");
    const std::string method = override_with.empty() ? head_.method : std::string(override_with);
    const auto target = http::ParseTarget(head_.target);
    const std::string path = target ? target->path : "";
    if (path != kFiles && !path.starts_with(std::string(kFiles) + "/"))
      return Refuse(Fail(absl::StatusCode::kNotFound, "METHOD_UNKNOWN", "uploads are at /files/"));
    if (path.size() > kFiles.size() + 1) upload_id_ = path.substr(kFiles.size() + 1);
    if (method == "OPTIONS") return Finish(TellOptions());
    if (http::FindHeader(head_.headers, "Tus-Resumable") != kTusVersion) {
      return Refuse(Fail(absl::StatusCode::kFailedPrecondition, "TUS_VERSION_UNSUPPORTED",
                         "send Tus-Resumable: 1.0.0; this server speaks no other"));
    }
    if (upload_id_.empty()) return method == "POST" ? Create() : Unknown("POST");
    if (method == "PATCH") return Append();
    if (method == "HEAD") return Look();
    if (method == "DELETE") return Abort();
    Unknown("PATCH, HEAD, DELETE");
  }

 private:
  rpc::CallContext StreamContext() const {
    rpc::CallContext out = context_;
    out.deadline = Deadline::After(std::chrono::hours(1));
    return out;
  }

  // ---- answers

  static http::Answer Tell(int status) {
    http::Answer out;
    out.status = status;
    out.headers = {{"Tus-Resumable", std::string(kTusVersion)}, {"Cache-Control", "no-store"}};
    return out;
  }

  static http::Answer TellOptions() {
    http::Answer out = Tell(204);
    out.headers.emplace_back("Tus-Version", kTusVersion);
    out.headers.emplace_back("Tus-Extension", kTusExtensions);
    out.headers.emplace_back("Tus-Checksum-Algorithm", kTusChecksums);
    out.headers.emplace_back("Tus-Max-Size", std::to_string(PartPlan::kLargestObject));
    return out;
  }

  void Finish(http::Answer answer) {
    answer.headers.emplace_back("X-Request-Id", context_.request_id);
    body_->Decline();
    answer_.Put(std::move(answer));
  }

  void Refuse(const absl::Status& status) {
    http::Answer answer = rpc::RefusalAnswer(status, context_.request_id);
    answer.status = TusStatusOf(status);
    answer.headers.emplace_back("Tus-Resumable", kTusVersion);
    if (answer.status == 412) answer.headers.emplace_back("Tus-Version", kTusVersion);
    Finish(std::move(answer));
  }

  void Unknown(const char* allowed) {
    http::Answer answer = rpc::RefusalAnswer(
        Fail(absl::StatusCode::kUnimplemented, "METHOD_UNKNOWN", "this address takes other methods"),
        context_.request_id);
    answer.status = 405;
    answer.headers.emplace_back("Allow", allowed);
    answer.headers.emplace_back("Tus-Resumable", kTusVersion);
    Finish(std::move(answer));
  }

  // An offset, where more of the upload is awaited until then.
  static http::Answer TellOffset(int status, uint64_t offset, Time expires) {
    http::Answer out = Tell(status);
    out.headers.emplace_back("Upload-Offset", std::to_string(offset));
    out.headers.emplace_back("Upload-Expires", HttpDate(expires));
    return out;
  }

  static http::Answer TellCreated(const StartUploadResponse& started, uint64_t offset) {
    http::Answer out = TellOffset(201, offset, Time(std::chrono::seconds(started.expire_time().seconds())));
    out.headers.emplace_back("Location", std::string(kFiles) + "/" + started.upload_id());
    return out;
  }

  // ---- what is asked

  bool has_body() const {
    return head_.content_length ? *head_.content_length > 0
                                : http::HasHeader(head_.headers, "Transfer-Encoding");
  }

  absl::Status CheckBodyType() const {
    if (http::FindHeader(head_.headers, "Content-Type") == kTusBody) return absl::OkStatus();
    return Fail(absl::StatusCode::kInvalidArgument, "MEDIA_TYPE_UNSUPPORTED",
                "send Content-Type: " + std::string(kTusBody));
  }

  void Create() {
    auto request = ReadCreation(head_.headers);
    if (!request.ok()) return Refuse(request.status());
    auto checksum = ReadChecksum(head_.headers);
    if (!checksum.ok()) return Refuse(checksum.status());
    if (has_body()) {
      if (const absl::Status type = CheckBodyType(); !type.ok()) return Refuse(type);
    }
    const uint64_t size = request->size_bytes();
    const uint64_t length = has_body() ? head_.content_length.value_or(0) : 0;
    if (length > size) return Refuse(BodyTooLarge());
    // Whole in this very request: one request to OSS.
    if (size <= kSmallObject && length == size) return CreateWhole(*std::move(request), *std::move(checksum));
    api_.StartInPieces(
        *std::move(request), context_,
        [self = shared_from_this(), size, checksum = *std::move(checksum)](auto started) mutable {
          if (!started.ok()) return self->Refuse(started.status());
          if (!self->has_body()) return self->Finish(self->TellCreated(*started, 0));
          BodyStream::Order order;
          order.first.set_upload_id(started->upload_id());
          order.size_bytes = size;
          order.checksum = std::move(checksum);
          self->Send(std::move(order), [self, started = *std::move(started)](BodyStream::Result result) {
            if (!result.status.ok()) return self->Refuse(result.status);
            self->Finish(self->TellCreated(started, result.committed));
          });
        });
  }

  void CreateWhole(StartUploadRequest request, std::optional<BodyStream::Checksum> checksum) {
    const uint64_t size = request.size_bytes();
    BodyStream::Order order;
    *order.first.mutable_start() = std::move(request);
    order.size_bytes = size;
    order.checksum = std::move(checksum);
    Send(std::move(order), [self = shared_from_this(), size](BodyStream::Result result) {
      if (!result.status.ok()) return self->Refuse(result.status);
      self->Finish(self->TellCreated(*result.started, size));
    });
  }

  void Append() {
    auto offset = ReadNumber(head_.headers, "Upload-Offset");
    if (!offset.ok()) return Refuse(offset.status());
    if (!*offset) {
      return Refuse(Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
                         "a PATCH says Upload-Offset, where its body begins"));
    }
    auto length = ReadNumber(head_.headers, "Upload-Length");
    if (!length.ok()) return Refuse(length.status());
    auto checksum = ReadChecksum(head_.headers);
    if (!checksum.ok()) return Refuse(checksum.status());
    if (const absl::Status type = CheckBodyType(); !type.ok()) return Refuse(type);
    api_.Describe(upload_id_, context_,
                  [self = shared_from_this(), offset = **offset, length = *length,
                   checksum = *std::move(checksum)](absl::StatusOr<UploadFacts> facts) mutable {
                    if (!facts.ok()) return self->Refuse(facts.status());
                    self->AppendTo(*facts, offset, length, std::move(checksum));
                  });
  }

  void AppendTo(const UploadFacts& facts, uint64_t offset, std::optional<uint64_t> length,
                std::optional<BodyStream::Checksum> checksum) {
    const auto size = facts.size_bytes ? facts.size_bytes : length;
    if (length && length != size) {
      return Refuse(Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
                         "Upload-Length is another one than the upload was created with"));
    }
    BodyStream::Order order;
    if (head_.content_length) {
      const uint64_t end = offset + *head_.content_length;
      if (end < offset || (size && end > *size)) return Refuse(BodyTooLarge());
      if (checksum && *head_.content_length > BodyStream::kMostSummed) return Refuse(BodyTooLarge());
      if (!Moves(facts, offset, end, size)) order.refusal = TooSmall(facts, offset);
    }
    order.first.set_upload_id(upload_id_);
    order.offset = offset;
    order.size_bytes = size;
    order.checksum = std::move(checksum);
    Send(std::move(order), [self = shared_from_this(), facts, offset](BodyStream::Result result) {
      if (!result.status.ok()) return self->Refuse(result.status);
      // Chunked bodies tell their length by ending.
      if (!result.object && result.committed == offset && self->has_body())
        return self->Refuse(TooSmall(facts, offset));
      self->Finish(self->TellOffset(204, result.committed, facts.expires));
    });
  }

  // How far a body from `offset` must reach to store anything, but for the object's last.
  static uint64_t LeastEnd(const UploadFacts& facts, uint64_t offset) {
    if (facts.at_once) return facts.size_bytes.value_or(0);
    if (offset >= facts.plan.capacity()) return offset;
    return facts.plan.Start(facts.plan.SlotOf(offset) + 1);
  }

  static bool Moves(const UploadFacts& facts, uint64_t offset, uint64_t end, std::optional<uint64_t> size) {
    return end == offset || end == size || end >= LeastEnd(facts, offset);
  }

  static absl::Status TooSmall(const UploadFacts& facts, uint64_t offset) {
    const std::string least = std::to_string(LeastEnd(facts, offset) - offset);
    return Fail(absl::StatusCode::kInvalidArgument, "CHUNK_TOO_SMALL",
                "a body that is not the object's last stores nothing below " + least +
                    " bytes here; use larger chunks")
        .With("least_bytes", least);
  }

  static absl::Status BodyTooLarge() {
    return Fail(absl::StatusCode::kOutOfRange, "CHUNK_TOO_LARGE",
                "the body goes beyond the end of the object, or has a checksum and more than 4 MiB");
  }

  void Look() {
    GetUploadRequest request;
    request.set_upload_id(upload_id_);
    api_.GetUpload(std::move(request), context_,
                   [self = shared_from_this()](absl::StatusOr<GetUploadResponse> got) {
                     if (!got.ok()) return self->Refuse(got.status());
                     const bool stored = got->has_size_bytes() && got->committed_bytes() == got->size_bytes();
                     if (got->state() == upload::v1::UPLOAD_STATE_DONE || !stored)
                       return self->TellState(*got);
                     self->Complete(*std::move(got));
                   });
  }

  // Every byte is stored and the end was lost: clients of tus take it for done.
  void Complete(GetUploadResponse of) {
    BodyStream::Order order;
    order.first.set_upload_id(upload_id_);
    order.offset = of.size_bytes();
    order.size_bytes = of.size_bytes();
    Send(std::move(order), [self = shared_from_this(), of = std::move(of)](const BodyStream::Result& result) {
      if (!result.status.ok()) return self->Refuse(result.status);
      self->TellState(of);
    });
  }

  void TellState(const GetUploadResponse& of) {
    http::Answer out =
        TellOffset(200, of.committed_bytes(), Time(std::chrono::seconds(of.expire_time().seconds())));
    if (of.has_size_bytes()) {
      out.headers.emplace_back("Upload-Length", std::to_string(of.size_bytes()));
    } else if (of.has_object()) {
      out.headers.emplace_back("Upload-Length", std::to_string(of.object().size_bytes()));
    } else {
      out.headers.emplace_back("Upload-Defer-Length", "1");
    }
    if (!of.note().empty()) out.headers.emplace_back("Upload-Metadata", of.note());
    Finish(std::move(out));
  }

  void Abort() {
    GetUploadRequest request;
    request.set_upload_id(upload_id_);
    api_.GetUpload(std::move(request), context_,
                   [self = shared_from_this()](const absl::StatusOr<GetUploadResponse>& got) {
                     // 204 would say that it is gone.
                     if (!got.ok()) return self->Refuse(got.status());
                     if (got->state() == upload::v1::UPLOAD_STATE_DONE) {
                       return self->Refuse(Fail(absl::StatusCode::kPermissionDenied, "UPLOAD_COMPLETE",
                                                "the object exists, and this service cannot delete it"));
                     }
                     self->AbortOpen();
                   });
  }

  void AbortOpen() {
    AbortUploadRequest request;
    request.set_upload_id(upload_id_);
    api_.AbortUpload(std::move(request), context_,
                     [self = shared_from_this()](const absl::StatusOr<AbortUploadResponse>& done) {
                       if (!done.ok()) return self->Refuse(done.status());
                       self->Finish(Tell(204));
                     });
  }

  void Send(BodyStream::Order order, BodyStream::Ended ended) {
    body_->Expect(std::move(order), std::move(ended));
    api_.Upload(body_);
  }

  Api& api_;
  const http::RequestHead head_;
  CancelSource cancel_;
  const rpc::CallContext context_;
  const std::shared_ptr<BodyStream> body_;
  AnswerSlot answer_;
  std::string upload_id_;
};

class TusExchange final : public http::Exchange {
 public:
  explicit TusExchange(std::shared_ptr<TusCall> call) : call_(std::move(call)) {}
  ~TusExchange() override { call_->body().OnGone(); }

  void AwaitReady(Ready ready) override { call_->body().AwaitReady(std::move(ready)); }
  absl::Status OnBody(std::string_view piece) override { return call_->body().OnBody(piece); }
  void OnEnd(Respond respond) override {
    call_->body().OnBodyEnd();
    call_->answer().Await(std::move(respond));
  }

 private:
  const std::shared_ptr<TusCall> call_;
};

}  // namespace

std::unique_ptr<http::Exchange> TusEdge::Start(http::RequestHead head) {
  auto call = std::make_shared<TusCall>(api_, budget_, std::move(head));
  call->Begin();
  return std::make_unique<TusExchange>(std::move(call));
}

uint64_t TusEdge::BodyLimit(const http::RequestHead& head) const {
  const std::string_view instead = http::FindHeader(head.headers, "X-HTTP-Method-Override");
  const std::string_view method = instead.empty() ? std::string_view(head.method) : instead;
  return method == "POST" || method == "PATCH" ? PartPlan::kLargestObject : 0;
}

http::CorsRule PagesMayUpload(std::vector<std::string> origins) {
  return {
      std::move(origins),
      {"POST", "PATCH", "HEAD", "DELETE", "OPTIONS"},
      {"Authorization", "Content-Type", "Tus-Resumable", "Upload-*", "X-HTTP-Method-Override",
       "X-Requested-With", "X-Request-ID", "X-Sluice-Route", "traceparent"},
      {"Location", "Retry-After", "Tus-Checksum-Algorithm", "Tus-Extension", "Tus-Max-Size", "Tus-Resumable",
       "Tus-Version", "Upload-Expires", "Upload-Length", "Upload-Metadata", "Upload-Offset", "X-Request-Id"}};
}

}  // namespace sluice::gateway
