// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/strand.h"
#include "common/base/timers.h"
#include "common/rpc/byte_stream.h"
#include "services/upload_gateway/byte_budget.h"
#include "services/upload_gateway/incoming_frame.h"
#include "services/upload_gateway/oss_upload.h"
#include "services/upload_gateway/part_permits.h"
#include "services/upload_gateway/upload_progress.h"
#include "sluice/upload/v1/upload_gateway.pb.h"

namespace sluice::gateway {

class LiveStreams;

// How long a stream may do what.
struct StreamTimes {
  // Without a message of the client's.
  std::chrono::milliseconds idle{300'000};
  // In all; then it is opened again, with a fresh proof of who calls.
  std::chrono::milliseconds life{3'600'000};
  // Between two messages to the client.
  std::chrono::milliseconds heartbeat{20'000};
  // Holding bytes and sending none while others wait for room.
  std::chrono::milliseconds stall{5'000};
};

// What all streams share; must outlive them.
struct StreamTools {
  ByteBudget& budget;
  LiveStreams& live;
  Timers& timers;
  const Clock& clock;
  GatewayMetrics& metrics;
  StreamTimes times;
};

// One Upload stream from the moment its upload is known: takes the bytes, sends parts as they fill, several
// at once, acknowledges what is stored, and makes the object. What the client is told is in the proto's
// promise.
//
// Memory: a stream holds a lease for itself; a posted read holds one on the largest message that this client
// has sent, and on the rest of the slot that it would fill; bytes hold theirs until OSS has them. So whoever
// has begun a slot can end it, and the budget cannot lock up. Thread-safe; never blocks.
class UploadStream : public std::enable_shared_from_this<UploadStream> {
 public:
  struct Opened {
    std::shared_ptr<OssUpload> oss;
    // Of OSS's parts. Empty for an object of one request.
    PartChain stored;
    // Where this stream began the upload: what the client needs to go on elsewhere.
    std::optional<upload::v1::StartUploadResponse> started;
  };
  // Told once, at the end: OK with the object, or why there is none. Never null.
  using Ended = absl::AnyInvocable<void(absl::Status, std::optional<UploadedObject>)>;

  // Begins; the stream then lives by itself until it has ended.
  static std::shared_ptr<UploadStream> Begin(const StreamTools& tools,
                                             std::shared_ptr<rpc::ByteStream> stream, Opened opened,
                                             Ended ended);
  ~UploadStream();

  // A newer stream has taken the upload over, or it was aborted.
  void End(const absl::Status& why);
  // Takes no more bytes, and ends as StreamReplaced() when OSS has answered what is under way, or soon;
  // `done` then, or at once where it has ended. Whoever comes next finds all that this stream has sent.
  void Yield(absl::AnyInvocable<void()> done);
  // Where the client is gone: `done` when this stream has stored what it could, or soon. Else at once.
  void AwaitLeft(absl::AnyInvocable<void()> done);
  // Takes no more bytes; stores what fills slots, then tells the client to go elsewhere.
  void Drain();
  // Ends with `STREAM_STALLED` where the client keeps others waiting.
  void GiveWay();

  // Which upload it is of: the same for all streams of one.
  const std::string& identity() const { return identity_; }

 private:
  // A part is not made larger than this for a fast sender, in bytes, nor more of them sent at once.
  static constexpr uint64_t kPartTarget = 2 << 20;
  static constexpr size_t kMostParts = 4;
  // Whoever would fill a part within this is worth waiting for.
  static constexpr std::chrono::milliseconds kLinger{100};
  // Bytes that one stream may hold.
  static constexpr uint64_t kMostHeld = 32 << 20;
  // The longest that a newer stream waits for what this one has under way.
  static constexpr std::chrono::milliseconds kYield{900};
  // Of whoever has sent nothing larger yet.
  static constexpr uint64_t kLeastRead = 256 * 1024;
  // What an open stream costs by itself, and what its peer may send ahead of being read.
  static constexpr uint64_t kFloor = 128 * 1024;

  using SteadyTime = Timers::SteadyTime;

  UploadStream(const StreamTools& tools, std::shared_ptr<rpc::ByteStream> stream, Opened opened, Ended ended);
  // Runs a method on the strand, later or now.
  template <typename F>
  void Run(F then);

  // All below on the strand.
  void Start();
  void Announce();
  void SendProgress();
  void WantRead();
  void PostRead();
  // Asks the budget for as much, and goes on when it is there.
  void AwaitRoom(uint64_t bytes, void (UploadStream::*then)(ByteBudget::Lease));
  void OnFloor(ByteBudget::Lease lease);
  void OnRoom(ByteBudget::Lease lease);
  uint64_t ReadNeed() const;
  void OnMessage(std::optional<absl::Cord> message);
  absl::Status TakeChunk(const absl::Cord& message, const IncomingFrame& frame);
  absl::Status CheckHead(bool all);
  void OnClientGone();
  // How large the next part may become, in bytes; it has a slot at least.
  uint64_t PartTarget() const;
  // Sends what can be sent.
  void Pump();
  bool PumpStreamed();
  // Whether the client fills the largest part within kLinger.
  bool is_fast() const;
  // Whether the bytes that are here should go now, although more would make a larger part.
  bool ShouldSend();
  void AskPermits();
  void OnPermits(absl::StatusOr<std::vector<Permit>> permits);
  void OnStored(absl::StatusOr<StoredPart> part, bool streamed);
  void TryFinish();
  void OnMade(absl::StatusOr<UploadedObject> object);
  void FinishDrain();
  void FinishYield();
  void EndNow(const absl::Status& why, std::optional<UploadedObject> object = std::nullopt);
  void OnTime();
  void SetAlarm();

  bool is_small() const { return oss_->upload().oss_upload_id().empty(); }
  bool is_last() const { return finishing_ || progress_.is_whole(); }

  const StreamTools tools_;
  const std::shared_ptr<rpc::ByteStream> stream_;
  const std::shared_ptr<OssUpload> oss_;
  const std::string identity_;
  const SteadyTime began_;
  Strand strand_;

  // The strand's.
  std::optional<upload::v1::StartUploadResponse> started_;
  Ended ended_callback_;
  UploadProgress progress_;
  PartPermits permits_;
  // For the read that is posted or to be posted; for bytes that are held.
  ByteBudget::Lease floor_;
  ByteBudget::Lease room_;
  ByteBudget::Lease kept_;
  ByteBudget::Ticket asked_room_ = 0;
  uint64_t largest_message_ = 0;
  uint64_t told_committed_ = 0;
  uint64_t began_with_ = 0;
  // Below this offset each part is one slot. A stream before this one, at a replica that died, may have parts
  // on their way to OSS that still arrive, and then each takes the place of the part with its number. None of
  // them is smaller than a slot nor ends beyond this offset, so what is stored still joins, and nothing that
  // was acknowledged is lost.
  uint64_t careful_until_ = 0;
  // Of the last part.
  uint32_t last_slots_ = 1;
  uint64_t last_bytes_ = PartPlan::kSmallestSlot;
  std::string head_;
  bool head_checked_ = false;
  bool reading_ = false;
  bool waits_for_room_ = false;
  // The client has sent its last message; it is gone; the process ends; a newer stream waits.
  bool finishing_ = false;
  bool gone_ = false;
  bool draining_ = false;
  bool yielding_ = false;
  bool making_ = false;
  bool prepared_ = false;
  bool ended_ = false;
  std::vector<absl::AnyInvocable<void()>> successors_;
  std::optional<uint64_t> client_crc64_;
  std::shared_ptr<http::OutgoingBody> open_part_;
  uint32_t open_part_number_ = 0;
  // Sums of parts that streamed, by number.
  std::map<uint32_t, uint64_t> streamed_sums_;
  SteadyTime last_message_;
  SteadyTime last_told_;
  SteadyTime waits_since_;
  // When the last part was cut, and how fast its bytes had come, per second.
  SteadyTime last_cut_;
  double pace_ = 0;
  // Whether a moment is set at which bytes that wait for more are sent all the same.
  bool lingers_ = false;
  Timers::Id alarm_ = 0;
};

// `ABORTED` `STREAM_REPLACED`.
absl::Status StreamReplaced();

// The same error with what the client must know to go on. Pure.
absl::Status WithCommitted(const absl::Status& status, uint64_t committed);

}  // namespace sluice::gateway
