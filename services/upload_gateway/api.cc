// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/api.h"

#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/rpc/status_mapping.h"
#include "services/upload_gateway/door.h"
#include "services/upload_gateway/incoming_frame.h"
#include "services/upload_gateway/upload_audit.h"

namespace sluice::gateway {
namespace {

using upload::v1::AbortUploadRequest;
using upload::v1::AbortUploadResponse;
using upload::v1::GetUploadRequest;
using upload::v1::GetUploadResponse;
using upload::v1::StartUploadRequest;
using upload::v1::StartUploadResponse;
using upload::v1::UploadResponse;

constexpr uint64_t kRemembered = 16 << 20;

bool IsSmall(const SealedUpload& upload) { return upload.oss_upload_id().empty(); }

absl::Status Draining() {
  return Fail(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING", "this replica is going down; ask any other")
      .RetryAfter(std::chrono::milliseconds(100));
}

}  // namespace

Api::Api(Parts parts) : parts_(std::move(parts)), recent_(kRemembered) {}

CallFacts Api::FactsOf(const rpc::CallContext& context) const {
  return {context.trace_id, context.request_id, context.deadline, context.cancel};
}

void Api::SettleSum(const SealedUpload& upload, UploadedObject& object) {
  object.set_whole_object_verified(upload.has_crc64() && object.crc64() == upload.crc64());
}

void Api::RecordRefusal(Method method, const rpc::CallContext& context, const absl::Status& why) {
  UploadEvent event =
      BeginEvent("refuse", GatewayMetrics::NameOf(method), context, nullptr, parts_.oss.clock.Now());
  event.reason = Reason(rpc::Presentable(why));
  (void)Record(parts_.audit, event);
}

template <typename T, typename Then>
void Api::WithCaller(Method method, rpc::CallContext context, Done<T> done, Then then) {
  rpc::BelieveProxies(parts_.trusted_proxies, context);
  auto call = std::make_shared<const rpc::CallContext>(std::move(context));
  done = [this, method, call, done = std::move(done)](absl::StatusOr<T> answer) mutable {
    parts_.oss.metrics.Called(method, answer.status());
    if (!answer.ok()) RecordRefusal(method, *call, answer.status());
    done(std::move(answer));
  };
  parts_.authenticator.Authenticate(
      {call->authorization, call->ticket, ""},
      [call, done = std::move(done), then = std::move(then)](auto caller) mutable {
        if (!caller.ok()) return done(caller.status());
        then(*std::move(caller), *call, std::move(done));
      });
}

void Api::StartUpload(StartUploadRequest request, rpc::CallContext context, Done<StartUploadResponse> done) {
  Start(Coming::kByAnotherStream, std::move(request), std::move(context), std::move(done));
}

void Api::StartInPieces(StartUploadRequest request, rpc::CallContext context,
                        Done<StartUploadResponse> done) {
  Start(Coming::kInPieces, std::move(request), std::move(context), std::move(done));
}

void Api::Start(Coming coming, StartUploadRequest request, rpc::CallContext context,
                Done<StartUploadResponse> done) {
  WithCaller(Method::kStartUpload, std::move(context), std::move(done),
             [this, coming, request = std::move(request)](const Known& caller, const rpc::CallContext& from,
                                                          auto answer) {
               if (parts_.streams.live.draining()) return answer(Draining());
               Begin(request, caller, from, coming,
                     [answer = std::move(answer)](absl::StatusOr<Begun> begun) mutable {
                       if (!begun.ok()) return answer(begun.status());
                       answer(std::move(begun->answer));
                     });
             });
}

void Api::Begin(const StartUploadRequest& request, const Known& caller, const rpc::CallContext& context,
                Coming coming, Done<Begun> done) {
  const bool carried = coming == Coming::kByThisStream;
  if (absl::Status bad = CheckStart(request); !bad.ok()) return done(bad);
  token::v1::IssueTicketRequest ask;
  ask.set_grant(request.grant());
  ask.set_path(request.path());
  ask.add_operations(token::v1::OPERATION_UPLOAD);
  const bool small =
      coming != Coming::kInPieces && request.has_size_bytes() && request.size_bytes() <= kSmallObject;
  if (!small) ask.add_operations(token::v1::OPERATION_RESUME);
  if (!request.tags().empty()) ask.add_operations(token::v1::OPERATION_TAG);
  parts_.broker.IssueTicket(
      ask, {context.authorization, context.peer, context.tls}, FactsOf(context),
      [this, request, caller, context, carried, small, done = std::move(done)](auto ticket) mutable {
        if (!ticket.ok()) return done(ticket.status());
        auto upload = AdmitUpload(request, *caller, *ticket);
        if (!upload.ok()) return done(upload.status());
        upload->set_object_token(ObjectToken(*upload, *parts_.ring));
        const auto known = recent_.Find(upload->object_token());
        if (!carried && known != nullptr &&
            parts_.oss.clock.Now() < Time(std::chrono::seconds(known->expire_time().seconds())))
          return done(Begun{nullptr, *known, std::nullopt});
        const UploadEvent event = BeginEvent("start", "Upload", context, &*upload, parts_.oss.clock.Now());
        if (absl::Status recorded = Record(parts_.audit, event); !recorded.ok()) return done(recorded);
        CallFacts facts = FactsOf(context);
        // The upload outlives this call.
        facts.deadline = Deadline::After(std::chrono::hours(2));
        facts.cancel = CancelToken();
        const auto oss = OssUpload::Make(parts_.oss, *upload, facts);
        if (small) return Seal(oss, carried, std::move(done));
        oss->Initiate([this, oss, upload = *std::move(upload), facts, carried,
                       done = std::move(done)](absl::StatusOr<std::string> id) mutable {
          if (carried && absl::IsAlreadyExists(id.status())) {
            return oss->Find([oss, taken = id.status(), done = std::move(done)](auto object) mutable {
              if (!object.ok()) return done(taken);
              SettleSum(oss->upload(), *object);
              done(Begun{oss, {}, *std::move(object)});
            });
          }
          if (!id.ok()) return done(id.status());
          upload.set_oss_upload_id(*std::move(id));
          // OSS has them now.
          upload.clear_metadata();
          upload.clear_tags();
          Seal(OssUpload::Make(parts_.oss, std::move(upload), facts), carried, std::move(done));
        });
      });
}

void Api::Seal(const std::shared_ptr<OssUpload>& oss, bool carried, Done<Begun> done) {
  const SealedUpload& upload = oss->upload();
  Begun out{oss, {}, std::nullopt};
  out.answer.mutable_expire_time()->set_seconds(upload.expires());
  auto id = SealUpload(upload, *parts_.ring);
  // A stream that brings a small object with it needs no id, and then it may have more metadata; but for one
  // whose client keeps a note, and asks for it by that id.
  if (!id.ok() && !(carried && IsSmall(upload) && upload.note().empty())) return done(id.status());
  if (id.ok()) out.answer.set_upload_id(*std::move(id));
  parts_.known.Add(oss);
  if (!carried)
    recent_.Put(upload.object_token(), std::make_shared<const StartUploadResponse>(out.answer), 16 * 1024);
  done(std::move(out));
}

absl::StatusOr<std::shared_ptr<OssUpload>> Api::Open(const std::string& upload_id, const Known& caller,
                                                     const rpc::CallContext& context) const {
  ASSIGN_OR_RETURN(SealedUpload upload, OpenUpload(upload_id, *parts_.ring, *caller, parts_.oss.clock.Now()));
  CallFacts facts = FactsOf(context);
  facts.deadline = Deadline::After(std::chrono::hours(2));
  return OssUpload::Make(parts_.oss, std::move(upload), facts);
}

void Api::Find(const std::string& upload_id, const Known& caller, const rpc::CallContext& context,
               Done<Found> done) {
  const auto oss = Open(upload_id, caller, context);
  if (!oss.ok()) return done(oss.status());
  parts_.streams.live.AwaitLeft(
      IdentityOf((*oss)->upload()),
      [this, oss = *oss, done = std::move(done)]() mutable { LookUp(oss, std::move(done)); });
}

void Api::TakeOver(const std::string& upload_id, const Known& caller, const rpc::CallContext& context,
                   Done<Found> done) {
  const auto oss = Open(upload_id, caller, context);
  if (!oss.ok()) return done(oss.status());
  parts_.streams.live.TakeOver(
      IdentityOf((*oss)->upload()),
      [this, oss = *oss, done = std::move(done)]() mutable { LookUp(oss, std::move(done)); });
}

void Api::LookUp(const std::shared_ptr<OssUpload>& oss, Done<Found> done) {
  // Whether the object is there already; where it is not, or cannot be learned, `otherwise` goes on.
  const auto look = [this, oss](Done<Found> then, absl::Status otherwise) {
    oss->Find([this, oss, then = std::move(then), otherwise](absl::StatusOr<UploadedObject> object) mutable {
      if (object.ok()) {
        SettleSum(oss->upload(), *object);
        parts_.known.Remove(oss->upload());
        return then(Found{oss, {}, *std::move(object)});
      }
      if (otherwise.ok()) return then(Found{oss, {}, std::nullopt});
      then(absl::IsNotFound(object.status()) ? otherwise : object.status());
    });
  };
  if (IsSmall(oss->upload())) return look(std::move(done), absl::OkStatus());
  oss->ListParts([oss, look, done = std::move(done)](absl::StatusOr<std::vector<StoredPart>> parts) mutable {
    if (!parts.ok()) {
      if (!absl::IsNotFound(parts.status())) return done(parts.status());
      return look(std::move(done), parts.status());
    }
    const SealedUpload& of = oss->upload();
    const auto plan = PartPlan::FromSlotBytes(of.slot_bytes());
    if (!plan.ok()) return done(UploadNotFound());
    done(Found{oss,
               ChainOf(*plan, *parts, of.has_size_bytes() ? std::optional(of.size_bytes()) : std::nullopt),
               std::nullopt});
  });
}

void Api::GetUpload(GetUploadRequest request, rpc::CallContext context, Done<GetUploadResponse> done) {
  WithCaller(Method::kGetUpload, std::move(context), std::move(done),
             [this, id = std::move(*request.mutable_upload_id())](const Known& caller,
                                                                  const rpc::CallContext& from, auto answer) {
               Find(id, caller, from, [answer = std::move(answer)](absl::StatusOr<Found> found) mutable {
                 if (!found.ok()) return answer(found.status());
                 GetUploadResponse out;
                 out.mutable_expire_time()->set_seconds(found->oss->upload().expires());
                 out.set_state(found->object ? upload::v1::UPLOAD_STATE_DONE : upload::v1::UPLOAD_STATE_OPEN);
                 out.set_committed_bytes(found->object ? found->object->size_bytes() : found->stored.bytes);
                 if (found->object) *out.mutable_object() = *std::move(found->object);
                 const SealedUpload& upload = found->oss->upload();
                 if (upload.has_size_bytes()) out.set_size_bytes(upload.size_bytes());
                 out.set_note(upload.note());
                 answer(std::move(out));
               });
             });
}

void Api::AbortUpload(AbortUploadRequest request, rpc::CallContext context, Done<AbortUploadResponse> done) {
  WithCaller(Method::kAbortUpload, std::move(context), std::move(done),
             [this, id = std::move(*request.mutable_upload_id())](const Known& caller,
                                                                  const rpc::CallContext& from, auto answer) {
               auto upload = OpenUpload(id, *parts_.ring, *caller, parts_.oss.clock.Now());
               if (!upload.ok()) return answer(upload.status());
               const UploadEvent event =
                   BeginEvent("abort", "AbortUpload", from, &*upload, parts_.oss.clock.Now());
               if (absl::Status recorded = Record(parts_.audit, event); !recorded.ok())
                 return answer(recorded);
               parts_.streams.live.EndUpload(IdentityOf(*upload), UploadNotFound());
               parts_.known.Remove(*upload);
               recent_.Erase(upload->object_token());
               if (upload->oss_upload_id().empty()) return answer(AbortUploadResponse());
               OssUpload::Make(parts_.oss, *std::move(upload), FactsOf(from))
                   ->Abort([answer = std::move(answer)](const absl::Status& status) mutable {
                     if (!status.ok()) return answer(status);
                     answer(AbortUploadResponse());
                   });
             });
}

void Api::Describe(const std::string& upload_id, rpc::CallContext context, Done<UploadFacts> done) {
  rpc::BelieveProxies(parts_.trusted_proxies, context);
  const identity::Proof proof{context.authorization, context.ticket, ""};
  parts_.authenticator.Authenticate(proof, [this, upload_id, context = std::move(context),
                                            done = std::move(done)](auto caller) mutable {
    const auto upload = caller.ok() ? OpenUpload(upload_id, *parts_.ring, **caller, parts_.oss.clock.Now())
                                    : absl::StatusOr<SealedUpload>(caller.status());
    if (!upload.ok()) {
      parts_.oss.metrics.Called(Method::kUpload, upload.status());
      RecordRefusal(Method::kUpload, context, upload.status());
      return done(upload.status());
    }
    const auto plan = PartPlan::FromSlotBytes(upload->slot_bytes());
    if (!plan.ok()) return done(UploadNotFound());
    done(UploadFacts{upload->has_size_bytes() ? std::optional(upload->size_bytes()) : std::nullopt, *plan,
                     IsSmall(*upload), Time(std::chrono::seconds(upload->expires()))});
  });
}

void Api::Upload(std::shared_ptr<rpc::ByteStream> stream) {
  if (parts_.streams.live.draining()) return EndStream(stream, Draining());
  if (open_streams_ >= parts_.most_streams) {
    return EndStream(stream, Fail(absl::StatusCode::kResourceExhausted, "GATEWAY_OVERLOADED",
                                  "this replica has as many streams as it takes; wait, or ask any other")
                                 .RetryAfter(std::chrono::seconds(1)));
  }
  ++open_streams_;
  rpc::CallContext context = stream->context();
  rpc::BelieveProxies(parts_.trusted_proxies, context);
  parts_.authenticator.Authenticate(
      {context.authorization, context.ticket, ""}, [this, stream](absl::StatusOr<Known> caller) {
        if (!caller.ok()) {
          --open_streams_;
          return EndStream(stream, caller.status());
        }
        stream->Read([this, stream, caller = *std::move(caller)](const std::optional<absl::Cord>& first) {
          OpenStream(stream, caller, first);
        });
      });
}

void Api::OpenStream(const std::shared_ptr<rpc::ByteStream>& stream, const Known& caller,
                     const std::optional<absl::Cord>& first) {
  const auto refuse = [this, stream](const absl::Status& why) {
    --open_streams_;
    EndStream(stream, why);
  };
  if (!first) return refuse(absl::CancelledError("the caller has gone"));
  std::vector<std::string_view> pieces;
  for (const absl::string_view piece : first->Chunks()) pieces.push_back(FromAbsl(piece));
  const auto frame = ReadFrame(pieces);
  if (!frame.ok()) return refuse(frame.status());
  rpc::CallContext context = stream->context();
  rpc::BelieveProxies(parts_.trusted_proxies, context);
  // Of the stream's hour none is given to a broker that does not answer.
  context.deadline = context.deadline.Sooner(Deadline::After(std::chrono::seconds(10)));
  switch (frame->kind) {
    case IncomingFrame::Kind::kStart:
      return Begin(frame->start, caller, context, Coming::kByThisStream,
                   [this, stream, refuse](absl::StatusOr<Begun> begun) {
                     if (!begun.ok()) return refuse(begun.status());
                     if (begun->object) return AnswerStream(stream, *std::move(begun->object));
                     RunStream(stream, {begun->oss, {}, std::move(begun->answer)});
                   });
    case IncomingFrame::Kind::kUploadId:
      return TakeOver(frame->upload_id, caller, context, [this, stream, refuse](absl::StatusOr<Found> found) {
        if (!found.ok()) return refuse(found.status());
        if (!found->object) return RunStream(stream, {found->oss, std::move(found->stored), std::nullopt});
        AnswerStream(stream, *std::move(found->object));
      });
    default:
      return refuse(Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
                         "the first message says which upload: upload_id, or start"));
  }
}

void Api::RunStream(const std::shared_ptr<rpc::ByteStream>& stream, UploadStream::Opened opened) {
  const auto oss = opened.oss;
  parts_.known.Add(oss);
  UploadStream::Begin(
      parts_.streams, stream, std::move(opened),
      [this, stream, oss](const absl::Status& status, const std::optional<UploadedObject>& object) {
        --open_streams_;
        parts_.oss.metrics.Called(Method::kUpload, status);
        UploadEvent event = BeginEvent(object ? "complete" : "end", "Upload", stream->context(),
                                       &oss->upload(), parts_.oss.clock.Now());
        if (object) {
          parts_.known.Remove(oss->upload());
          recent_.Erase(oss->upload().object_token());
          event.bytes = object->size_bytes();
          event.crc64 = object->crc64();
        } else {
          event.reason = Reason(rpc::Presentable(status));
        }
        (void)Record(parts_.audit, event);
      });
}

void Api::AnswerStream(const std::shared_ptr<rpc::ByteStream>& stream, UploadedObject object) {
  --open_streams_;
  UploadResponse answer;
  answer.set_committed_bytes(object.size_bytes());
  *answer.mutable_object() = std::move(object);
  stream->Write(answer.SerializeAsString());
  EndStream(stream, absl::OkStatus());
}

void Api::EndStream(const std::shared_ptr<rpc::ByteStream>& stream, const absl::Status& why) {
  parts_.oss.metrics.Called(Method::kUpload, why);
  if (!why.ok()) RecordRefusal(Method::kUpload, stream->context(), why);
  stream->Finish(why);
}

}  // namespace sluice::gateway
