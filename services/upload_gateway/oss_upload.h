// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/cord.h"
#include "common/aliyun/oss_answers.h"
#include "common/base/retry.h"
#include "common/base/timers.h"
#include "common/http/body_client.h"
#include "common/http/client.h"
#include "services/upload_gateway/gateway_metrics.h"
#include "services/upload_gateway/oss_access.h"
#include "services/upload_gateway/part_chain.h"
#include "services/upload_gateway/uploads_alive.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

namespace sluice::gateway {

using upload::v1::UploadedObject;

// What requests to OSS are made with. All must outlive the uploads that use them.
struct OssTools {
  OssAccess& access;
  http::Client& calls;
  http::BodyClient& bodies;
  Timers& timers;
  const Clock& clock;
  GatewayMetrics& metrics;
  UploadsAlive& alive;
  // 0 to 1, thread-safe.
  std::function<double()> random;
};

// The requests to OSS that make one object. What may be tried again is tried again; an answer that was lost
// is settled by asking whether the object with this upload's token is there, and never guessed. Thread-safe;
// each `done` is called exactly once, on a thread that must not be blocked.
//
// Errors, as clients see them: the broker's own; `UNAVAILABLE` `OSS_UNREACHABLE` with a retry delay;
// `FAILED_PRECONDITION` `OSS_REFUSED` for what OSS will never take, with the vendor's code; and those named
// below.
class OssUpload : public std::enable_shared_from_this<OssUpload> {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;

  static std::shared_ptr<OssUpload> Make(const OssTools& tools, SealedUpload upload, CallFacts call);

  const SealedUpload& upload() const { return upload_; }

  // Asks ahead for the permit of Put or Complete, which will soon be called. A failure is theirs to meet.
  void Prepare(OssVerb verb);
  // Permits for parts that will be sent.
  void AskParts(std::vector<uint32_t> parts, Done<std::vector<Permit>> done);
  // OSS's id of a new multipart upload.
  void Initiate(Done<std::string> done);
  // All parts that OSS has. `NOT_FOUND` `UPLOAD_NOT_FOUND` where it has no such upload, or no more.
  void ListParts(Done<std::vector<StoredPart>> done);
  // Stores a part; `permit` is used for the first attempt, if there is one. `DATA_LOSS` `CHECKSUM_MISMATCH`
  // where OSS stored other bytes, every time.
  void PutPart(uint32_t number, absl::Cord bytes, uint64_t crc64, std::optional<Permit> permit,
               Done<StoredPart> done);
  // Begins a part whose bytes go as they come, and are gone where it fails. `length` absent for one that ends
  // when it is told to. The answer's sum is for the caller to judge.
  std::shared_ptr<http::OutgoingBody> OpenPart(const Permit& permit, std::optional<uint64_t> length,
                                               Done<StoredPart> done);
  // Makes the object of one request. Besides: `ALREADY_EXISTS` `OBJECT_EXISTS`, `DATA_LOSS`
  // `CHECKSUM_MISMATCH`, `UNAVAILABLE` `COMPLETION_UNCONFIRMED`.
  void Put(absl::Cord bytes, uint64_t crc64, Done<UploadedObject> done);
  // Makes the object of its parts. Besides the same: `ABORTED` `STREAM_REPLACED` where a part is not the one
  // named, and `NOT_FOUND` `UPLOAD_NOT_FOUND`. `crc64` of all bytes, where it is known.
  void Complete(std::vector<StoredPart> parts, uint64_t size, std::optional<uint64_t> crc64,
                Done<UploadedObject> done);
  // The object, if this upload has made it. `NOT_FOUND` `UPLOAD_NOT_FOUND` where it has not, `UNAVAILABLE`
  // `COMPLETION_UNCONFIRMED` where that cannot be learned.
  void Find(Done<UploadedObject> done);
  // Frees the parts. OK where there is no such upload any more.
  void Abort(absl::AnyInvocable<void(absl::Status)> done);

  // Cancels what is under way.
  void Cancel() { member_.Cancel(); }

 private:
  OssUpload(const OssTools& tools, SealedUpload upload, CallFacts call);

  using Answered = Done<http::Response>;
  CallFacts Facts(std::chrono::milliseconds most) const;
  RetryRules Rules() const;
  std::optional<Permit> TakePrepared(OssVerb verb);
  // Asks for a permit, and sends it with a small body.
  void Call(OssOrder order, std::string body, Answered done);
  // The same with a large one, and a permit that may be here already.
  void Send(OssOrder order, absl::Cord body, std::optional<Permit> permit, Answered done);
  void ListFrom(uint32_t after, std::shared_ptr<std::vector<StoredPart>> so_far,
                Done<std::vector<StoredPart>> done);
  // Makes the object by `attempt`, of which nobody knows, after a failure, what it did.
  void Make(std::function<void(Done<aliyun::ObjectFacts>)> attempt, uint64_t size,
            std::optional<uint64_t> crc64, Done<UploadedObject> done);
  // One attempt, settled where its outcome is open.
  void MakeOnce(const std::function<void(Done<aliyun::ObjectFacts>)>& attempt, bool first,
                Done<UploadedObject> done);
  UploadedObject Describe(const aliyun::ObjectFacts& facts) const;

  const OssTools tools_;
  const SealedUpload upload_;
  const CallFacts call_;
  UploadsAlive::Member member_;
  std::mutex mutex_;
  // Asked for ahead, by verb; guarded by mutex_.
  std::map<OssVerb, Permit> prepared_;
};

// Another status for what OSS or the way to it said, as OssUpload promises. Pure.
absl::Status ForClient(const absl::Status& status);

}  // namespace sluice::gateway
