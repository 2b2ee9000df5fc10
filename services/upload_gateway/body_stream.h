// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/strings/cord.h"
#include "common/base/cancel.h"
#include "common/http/server.h"
#include "common/rpc/byte_stream.h"
#include "services/upload_gateway/byte_budget.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

namespace sluice::gateway {

// The body of one HTTP request as a stream of UploadGateway.Upload: what is read of it becomes chunks, its
// end becomes `finish` where the object is whole, and a pause where it is not. The peer is held back while
// the upload wants nothing. Thread-safe.
class BodyStream final : public rpc::ByteStream, public std::enable_shared_from_this<BodyStream> {
 public:
  // A sum of the whole body, which is then kept until it is complete, and of none of which anything is used
  // where it is wrong.
  struct Checksum {
    enum class Kind { kMd5, kSha1, kSha256 };
    Kind kind;
    // Raw.
    std::string digest;
  };
  // Bodies with a checksum are no longer than this, in bytes.
  static constexpr uint64_t kMostSummed = 4 << 20;

  struct Order {
    // The first message: which upload, or the start of one.
    upload::v1::UploadRequest first;
    // Where the body begins in the object. Nothing is sent unless so much is committed.
    uint64_t offset = 0;
    // Of the whole object; absent where it is not known, and then the body's end is no end of the object.
    std::optional<uint64_t> size_bytes;
    std::optional<Checksum> checksum;
    // What the body is refused with where it begins at the right offset; absent where it is wanted.
    std::optional<absl::Status> refusal;
  };

  struct Result {
    // OK where the object is there, or all of the body that can be stored is.
    absl::Status status;
    // What the client may rely on.
    uint64_t committed = 0;
    std::optional<upload::v1::UploadedObject> object;
    // Where `first` began the upload.
    std::optional<upload::v1::StartUploadResponse> started;
  };
  using Ended = absl::AnyInvocable<void(Result)>;

  // `budget` must outlive it. `cancel` is the source of the context's token.
  BodyStream(rpc::CallContext context, CancelSource cancel, ByteBudget& budget);

  // Before it is handed to whoever takes streams. `ended` is called once.
  void Expect(Order order, Ended ended);

  // The server's side, as of http::Exchange.
  void AwaitReady(http::Exchange::Ready ready);
  absl::Status OnBody(std::string_view piece);
  void OnBodyEnd();
  // The peer has left.
  void OnGone();
  // Nobody will take the body.
  void Decline();

  const rpc::CallContext& context() const override { return context_; }
  void Read(Next next) override;
  void Write(std::string message) override;
  void Finish(const absl::Status& status) override;

 private:
  using Action = absl::AnyInvocable<void()>;
  // Does what can be done now.
  void Advance();
  // The next thing to do, without the lock; null for none.
  Action NextLocked();
  Action GiveLocked(std::optional<absl::Cord> message);
  Action TakeBodyLocked();
  bool IsWholeLocked() const;

  const rpc::CallContext context_;
  CancelSource cancel_;
  ByteBudget& budget_;

  std::mutex mutex_;
  Order order_;  // guarded by mutex_, as all below
  Ended ended_;
  // What each side waits for.
  Next next_;
  http::Exchange::Ready ready_;
  std::optional<absl::Cord> chunk_;
  // With a checksum: the body so far, and what it holds of the budget.
  std::string kept_;
  ByteBudget::Lease lease_;
  ByteBudget::Ticket asked_ = 0;
  bool leasing_ = false;
  bool leased_ = false;
  uint64_t received_ = 0;
  bool opened_ = false;
  bool told_ = false;
  bool body_ended_ = false;
  bool judged_ = false;
  bool last_given_ = false;
  bool paused_ = false;
  bool gone_ = false;
  // No more of the body is wanted.
  bool closed_ = false;
  std::optional<absl::Status> refusal_;
  Result result_;
};

}  // namespace sluice::gateway
