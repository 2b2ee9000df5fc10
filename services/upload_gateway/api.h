// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/bounded_cache.h"
#include "common/base/ip_range.h"
#include "common/crypto/sealing_ring.h"
#include "common/identity/authenticator.h"
#include "common/rpc/byte_stream.h"
#include "common/rpc/call_context.h"
#include "common/telemetry/line_sink.h"
#include "services/upload_gateway/broker_link.h"
#include "services/upload_gateway/known_uploads.h"
#include "services/upload_gateway/live_streams.h"
#include "services/upload_gateway/oss_upload.h"
#include "services/upload_gateway/part_plan.h"
#include "services/upload_gateway/upload_stream.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

namespace sluice::gateway {

// What is known of an upload without asking OSS.
struct UploadFacts {
  // Absent where it was not declared.
  std::optional<uint64_t> size_bytes;
  // Where its parts may begin.
  PartPlan plan;
  // Whether it is made by one request, so that nothing of it is stored before the end.
  bool at_once;
  Time expires;
};

// Every method of sluice.upload.v1.UploadGateway, the same for all edges. Thread-safe; never blocks.
class Api {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;

  // What the methods work with; all must outlive the Api and the calls and streams under way.
  struct Parts {
    const identity::Authenticator& authenticator;
    BrokerLink& broker;
    std::shared_ptr<const crypto::SealingRing> ring;
    OssTools oss;
    StreamTools streams;
    KnownUploads& known;
    telemetry::LineSink& audit;
    std::vector<IpRange> trusted_proxies;
    size_t most_streams = 10'000;
  };
  explicit Api(Parts parts);

  void StartUpload(upload::v1::StartUploadRequest request, rpc::CallContext context,
                   Done<upload::v1::StartUploadResponse> done);
  // The same for bytes that come in requests with pauses between them, each of which stores what it brought:
  // by parts, however small the object.
  void StartInPieces(upload::v1::StartUploadRequest request, rpc::CallContext context,
                     Done<upload::v1::StartUploadResponse> done);
  void GetUpload(upload::v1::GetUploadRequest request, rpc::CallContext context,
                 Done<upload::v1::GetUploadResponse> done);
  void AbortUpload(upload::v1::AbortUploadRequest request, rpc::CallContext context,
                   Done<upload::v1::AbortUploadResponse> done);
  // What the `upload_id` says, if it is the caller's; OSS is not asked. Only a refusal counts as a call: the
  // stream that follows is one.
  void Describe(const std::string& upload_id, rpc::CallContext context, Done<UploadFacts> done);
  // Takes a stream on until its end.
  void Upload(std::shared_ptr<rpc::ByteStream> stream);

  size_t open_streams() const { return open_streams_; }

 private:
  using Method = GatewayMetrics::Method;
  using Known = identity::Authenticator::Known;
  // How the bytes of an upload will come.
  enum class Coming { kByThisStream, kByAnotherStream, kInPieces };
  // An upload that has begun, and what its client needs to go on with it.
  struct Begun {
    std::shared_ptr<OssUpload> oss;
    upload::v1::StartUploadResponse answer;
    // An attempt before this one has made it.
    std::optional<UploadedObject> object;
  };
  // An upload that is under way: its parts, or its object if it is done already.
  struct Found {
    std::shared_ptr<OssUpload> oss;
    PartChain stored;
    std::optional<UploadedObject> object;
  };

  void Start(Coming coming, upload::v1::StartUploadRequest request, rpc::CallContext context,
             Done<upload::v1::StartUploadResponse> done);
  void RecordRefusal(Method method, const rpc::CallContext& context, const absl::Status& why);
  // Recognises the caller and goes on; counts and answers refusals.
  template <typename T, typename Then>
  void WithCaller(Method method, rpc::CallContext context, Done<T> done, Then then);
  void Begin(const upload::v1::StartUploadRequest& request, const Known& caller,
             const rpc::CallContext& context, Coming coming, Done<Begun> done);
  void Seal(const std::shared_ptr<OssUpload>& oss, bool carried, Done<Begun> done);
  // What OSS has of an upload that is the caller's.
  void Find(const std::string& upload_id, const Known& caller, const rpc::CallContext& context,
            Done<Found> done);
  // The same for a stream that will go on with it: after the one that has it here has let go.
  void TakeOver(const std::string& upload_id, const Known& caller, const rpc::CallContext& context,
                Done<Found> done);
  void LookUp(const std::shared_ptr<OssUpload>& oss, Done<Found> done);
  absl::StatusOr<std::shared_ptr<OssUpload>> Open(const std::string& upload_id, const Known& caller,
                                                  const rpc::CallContext& context) const;
  void OpenStream(const std::shared_ptr<rpc::ByteStream>& stream, const Known& caller,
                  const std::optional<absl::Cord>& first);
  void RunStream(const std::shared_ptr<rpc::ByteStream>& stream, UploadStream::Opened opened);
  void EndStream(const std::shared_ptr<rpc::ByteStream>& stream, const absl::Status& why);
  // The object was made before, and its answer lost.
  void AnswerStream(const std::shared_ptr<rpc::ByteStream>& stream, UploadedObject object);
  CallFacts FactsOf(const rpc::CallContext& context) const;
  // Of an object that was found, not made here: what the client declared is all there is to compare with.
  static void SettleSum(const SealedUpload& upload, UploadedObject& object);

  const Parts parts_;
  // Answers to StartUpload by object token.
  BoundedCache<const upload::v1::StartUploadResponse> recent_;
  std::atomic<size_t> open_streams_ = 0;
};

}  // namespace sluice::gateway
