// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/upload_stream.h"

#include <algorithm>
#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/crc32c.h"
#include "services/upload_gateway/content_sniff.h"
#include "services/upload_gateway/live_streams.h"

namespace sluice::gateway {
namespace {

using upload::v1::UploadResponse;

std::optional<uint64_t> SizeOf(const SealedUpload& upload) {
  return upload.has_size_bytes() ? std::optional(upload.size_bytes()) : std::nullopt;
}

// Of an upload that this service has sealed; an object of one request has slots too, that nobody uses.
PartPlan PlanOf(const SealedUpload& upload) {
  const auto plan = PartPlan::FromSlotBytes(upload.slot_bytes());
  return plan.ok() ? *plan : PartPlan::OfUnknownSize(0);
}

absl::Status Malformed(std::string_view what) {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED", what);
}

}  // namespace

absl::Status StreamReplaced() {
  return Fail(absl::StatusCode::kAborted, "STREAM_REPLACED",
              "a newer stream of this upload has taken over; end this one");
}

absl::Status WithCommitted(const absl::Status& status, uint64_t committed) {
  if (status.ok()) return status;
  auto out = Fail(status.code(), Reason(status), FromAbsl(status.message()));
  for (const auto& [name, value] : Metadata(status)) (void)std::move(out).With(name, value);
  (void)std::move(out).With("committed_bytes", std::to_string(committed));
  if (const auto delay = RetryDelay(status)) (void)std::move(out).RetryAfter(*delay);
  return out;
}

std::shared_ptr<UploadStream> UploadStream::Begin(const StreamTools& tools,
                                                  std::shared_ptr<rpc::ByteStream> stream, Opened opened,
                                                  Ended ended) {
  std::shared_ptr<UploadStream> out(
      new UploadStream(tools, std::move(stream), std::move(opened), std::move(ended)));
  out->Run([](UploadStream& self) { self.Start(); });
  return out;
}

UploadStream::UploadStream(const StreamTools& tools, std::shared_ptr<rpc::ByteStream> stream, Opened opened,
                           Ended ended)
    : tools_(tools),
      stream_(std::move(stream)),
      oss_(std::move(opened.oss)),
      identity_(IdentityOf(oss_->upload())),
      began_(tools.timers.Now()),
      started_(std::move(opened.started)),
      ended_callback_(std::move(ended)),
      progress_(PlanOf(oss_->upload()), SizeOf(oss_->upload()), oss_->upload().most_bytes(),
                std::move(opened.stored)),
      permits_(PlanOf(oss_->upload()), SizeOf(oss_->upload())),
      began_with_(progress_.committed()),
      careful_until_(started_ ? 0 : progress_.committed() + kMostParts * kPartTarget),
      last_message_(began_),
      last_told_(began_),
      waits_since_(began_),
      last_cut_(began_) {}

UploadStream::~UploadStream() = default;

template <typename F>
void UploadStream::Run(F then) {
  strand_.Run([self = shared_from_this(), then = std::move(then)]() mutable { then(*self); });
}

void UploadStream::End(const absl::Status& why) {
  Run([why](UploadStream& self) { self.EndNow(why); });
}

void UploadStream::Yield(absl::AnyInvocable<void()> done) {
  Run([done = std::move(done)](UploadStream& self) mutable {
    if (self.ended_) return done();
    self.successors_.push_back(std::move(done));
    if (std::exchange(self.yielding_, true)) return;
    self.tools_.timers.After(kYield, [weak = self.weak_from_this()] {
      if (const auto alive = weak.lock()) alive->End(StreamReplaced());
    });
    self.FinishYield();
  });
}

void UploadStream::AwaitLeft(absl::AnyInvocable<void()> done) {
  Run([done = std::move(done)](UploadStream& self) mutable {
    if (self.ended_ || !self.gone_) return done();
    const auto once = std::make_shared<absl::AnyInvocable<void()>>(std::move(done));
    const auto tell = [weak = self.weak_from_this(), once] {
      const auto alive = weak.lock();
      if (alive == nullptr) return;
      alive->Run([once](UploadStream&) {
        if (*once) std::exchange(*once, nullptr)();
      });
    };
    self.successors_.push_back(tell);
    self.tools_.timers.After(kYield, tell);
  });
}

void UploadStream::FinishYield() {
  if (ended_ || !yielding_) return;
  const bool under_way = making_ || progress_.parts_in_flight() > 0;
  if (!under_way) EndNow(StreamReplaced());
}

void UploadStream::Start() {
  tools_.live.Add(shared_from_this());
  if (progress_.committed() > 0) tools_.metrics.Resumed();
  stream_->context().cancel.OnCancel([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Run([](UploadStream& on) { on.OnClientGone(); });
  });
  head_checked_ = progress_.received() > 0;
  Announce();
  SetAlarm();
  // One round trip less when the object is here.
  if (is_small()) oss_->Prepare(OssVerb::kPut);
  AskPermits();
  AwaitRoom(kFloor, &UploadStream::OnFloor);
}

void UploadStream::OnFloor(ByteBudget::Lease lease) {
  floor_ = std::move(lease);
  WantRead();
}

void UploadStream::Announce() {
  UploadResponse answer;
  answer.set_committed_bytes(progress_.committed());
  if (started_) *answer.mutable_started() = *std::exchange(started_, std::nullopt);
  told_committed_ = progress_.committed();
  last_told_ = tools_.timers.Now();
  stream_->Write(answer.SerializeAsString());
}

void UploadStream::SendProgress() {
  if (progress_.committed() == told_committed_) return;
  Announce();
}

uint64_t UploadStream::ReadNeed() const {
  uint64_t need = std::max(kLeastRead, largest_message_);
  if (is_small()) {
    const uint64_t size = oss_->upload().size_bytes();
    return std::max(need, size - std::min(size, progress_.received()));
  }
  // Whoever begins a slot must be able to end it.
  const bool keeps = !progress_.streams();
  if (keeps && progress_.gathered() > 0) need = std::max(need, progress_.slot_left());
  return need;
}

void UploadStream::WantRead() {
  if (reading_ || waits_for_room_ || ended_ || finishing_ || gone_ || draining_ || yielding_) return;
  // A part of the largest kept size must fit beside one in flight.
  if (!is_small() && kept_.bytes() > kMostHeld) return;
  const uint64_t need = std::min(ReadNeed(), tools_.budget.size());
  if (room_.bytes() >= need) return PostRead();
  AwaitRoom(need - room_.bytes(), &UploadStream::OnRoom);
}

void UploadStream::AwaitRoom(uint64_t bytes, void (UploadStream::*then)(ByteBudget::Lease)) {
  waits_for_room_ = true;
  waits_since_ = tools_.timers.Now();
  asked_room_ = tools_.budget.Take(bytes, [self = shared_from_this(), then](ByteBudget::Lease lease) {
    self->strand_.Run([self, then, lease = std::move(lease)]() mutable {
      self->waits_for_room_ = false;
      self->asked_room_ = 0;
      if (!self->ended_) ((*self).*then)(std::move(lease));
    });
  });
}

void UploadStream::OnRoom(ByteBudget::Lease lease) {
  room_.Join(std::move(lease));
  last_message_ = tools_.timers.Now();  // it could not send until now
  PostRead();
}

void UploadStream::PostRead() {
  if (reading_ || ended_ || draining_ || gone_ || yielding_) return;
  reading_ = true;
  stream_->Read([self = shared_from_this()](std::optional<absl::Cord> message) {
    self->strand_.Run([self, message = std::move(message)]() mutable {
      self->reading_ = false;
      self->OnMessage(std::move(message));
    });
  });
}

void UploadStream::OnMessage(std::optional<absl::Cord> message) {
  if (ended_ || yielding_) return;
  if (!message) return OnClientGone();
  last_message_ = tools_.timers.Now();
  const uint64_t size = message->size();
  room_.GrowTo(size);
  largest_message_ = std::max(largest_message_, size);
  std::vector<std::string_view> pieces;
  for (const absl::string_view piece : message->Chunks()) pieces.push_back(FromAbsl(piece));
  const auto frame = ReadFrame(pieces);
  if (!frame.ok()) return EndNow(frame.status());
  switch (frame->kind) {
    case IncomingFrame::Kind::kNone:  // a heartbeat, or something newer than this
      break;
    case IncomingFrame::Kind::kChunk: {
      const absl::Status taken = TakeChunk(*message, *frame);
      if (!taken.ok()) return EndNow(taken);
      break;
    }
    case IncomingFrame::Kind::kFinish:
      finishing_ = true;
      client_crc64_ = frame->crc64;
      if (!client_crc64_ && oss_->upload().has_crc64()) client_crc64_ = oss_->upload().crc64();
      if (absl::Status whole = progress_.CheckWhole(client_crc64_); !whole.ok()) return EndNow(whole);
      if (oss_->upload().has_crc64() && *client_crc64_ != oss_->upload().crc64()) {
        return EndNow(Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                           "the object's CRC-64 is not the one that was declared; nothing was completed"));
      }
      if (absl::Status head = CheckHead(true); !head.ok()) return EndNow(head);
      room_.ShrinkTo(0);
      break;
    default:
      return EndNow(Malformed("only the first message names an upload; send chunks, then finish"));
  }
  message.reset();
  Pump();
  TryFinish();
  WantRead();
}

absl::Status UploadStream::TakeChunk(const absl::Cord& message, const IncomingFrame& frame) {
  if (frame.crc32c) {
    uint32_t sum = 0;
    for (const std::string_view piece : frame.data) sum = crypto::Crc32c(piece, sum);
    if (sum != *frame.crc32c) {
      return Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                  "a chunk's CRC-32C is not the one that came with it; send it again");
    }
  }
  ASSIGN_OR_RETURN(const uint64_t fresh,
                   progress_.Receive(frame.offset, message.Subcord(frame.data_at, frame.data_bytes())));
  kept_.Join(room_.Split(fresh));
  tools_.metrics.Received(fresh);
  if (!head_checked_ && head_.size() < kSniffedBytes) {
    // Before anything of it is cut, what is new stands at the message's end.
    const uint64_t skipped = frame.data_bytes() - fresh;
    head_ += std::string(
        message.Subcord(frame.data_at + skipped, std::min<uint64_t>(fresh, kSniffedBytes - head_.size())));
  }
  return CheckHead(false);
}

absl::Status UploadStream::CheckHead(bool all) {
  if (head_checked_ || (!all && head_.size() < kSniffedBytes)) return absl::OkStatus();
  head_checked_ = true;
  const SealedUpload& upload = oss_->upload();
  return CheckFirstBytes({upload.content_types().begin(), upload.content_types().end()},
                         upload.content_type(), head_);
}

void UploadStream::OnClientGone() {
  if (ended_ || gone_ || finishing_) return;
  gone_ = true;
  // What fills slots is worth storing: the client goes on from there.
  room_.ShrinkTo(0);
  Pump();
  FinishDrain();
}

void UploadStream::Drain() {
  Run([](UploadStream& self) {
    if (self.ended_ || self.draining_) return;
    self.draining_ = true;
    if (self.finishing_) return;  // the object is nearly there
    self.Pump();
    self.FinishDrain();
  });
}

// Ends a stream that takes no more, once everything that could be stored is.
void UploadStream::FinishDrain() {
  if (ended_ || finishing_ || yielding_ || !(gone_ || draining_)) return;
  const bool more =
      !is_small() && (progress_.parts_in_flight() > 0 || (progress_.CanCut(false) && permits_.asking()));
  if (more) return;
  if (gone_) return EndNow(absl::CancelledError("the caller has gone"));
  EndNow(Fail(absl::StatusCode::kUnavailable, "GATEWAY_DRAINING",
              "this replica is going down; open the stream again, at any other")
             .RetryAfter(std::chrono::milliseconds(100)));
}

void UploadStream::GiveWay() {
  Run([](UploadStream& self) {
    if (self.ended_ || self.finishing_ || self.gone_ || self.draining_) return;
    const auto now = self.tools_.timers.Now();
    const bool silent = self.reading_ && now - self.last_message_ >= self.tools_.times.stall &&
                        self.room_.bytes() + self.progress_.gathered() > 0;
    // Nobody sends, since everybody holds a piece of what the others need.
    const bool stuck = self.waits_for_room_ && now - self.waits_since_ >= 2 * self.tools_.times.stall &&
                       self.progress_.gathered() > 0 && self.progress_.parts_in_flight() == 0;
    if (!silent && !stuck) return;
    self.EndNow(
        Fail(absl::StatusCode::kUnavailable, "STREAM_STALLED",
             "others wait for the room that this stream holds; open it again when there are bytes to send")
            .RetryAfter(std::chrono::seconds(1)));
  });
}

void UploadStream::Pump() {
  if (is_small() || ended_ || making_ || yielding_) return;
  for (;;) {
    if (progress_.streams() || open_part_ != nullptr) {
      if (!PumpStreamed()) break;
      continue;
    }
    const bool last = is_last();
    if (!progress_.CanCut(last) || progress_.parts_in_flight() >= kMostParts) break;
    if (!ShouldSend()) break;
    auto permit = permits_.Take(progress_.next_part(), tools_.clock.Now());
    if (!permit) break;
    UploadProgress::Part part = progress_.Cut(PartTarget(), last);
    const auto now = tools_.timers.Now();
    const auto took = std::chrono::duration<double>(now - last_cut_).count();
    pace_ = static_cast<double>(part.size) / std::max(took, 1e-6);
    last_cut_ = now;
    last_bytes_ = part.size;
    last_slots_ =
        std::max<uint32_t>(1, progress_.next_part() > part.number ? progress_.next_part() - part.number : 1);
    oss_->PutPart(part.number, std::move(part.bytes), part.crc64, std::move(permit),
                  [self = shared_from_this()](absl::StatusOr<StoredPart> stored) {
                    self->Run([stored = std::move(stored)](UploadStream& on) mutable {
                      on.OnStored(std::move(stored), false);
                    });
                  });
  }
  AskPermits();
}

uint64_t UploadStream::PartTarget() const {
  return progress_.received() - progress_.gathered() < careful_until_ ? 1 : kPartTarget;
}

bool UploadStream::is_fast() const {
  return pace_ * std::chrono::duration<double>(kLinger).count() >= static_cast<double>(kPartTarget);
}

bool UploadStream::ShouldSend() {
  const uint64_t gathered = progress_.gathered();
  if (gathered >= PartTarget() || is_last() || gone_ || draining_) return true;
  // Each request costs; while one is under way the next may grow.
  if (progress_.parts_in_flight() > 0) return false;
  const double missing = static_cast<double>(kPartTarget - gathered);
  if (pace_ * std::chrono::duration<double>(kLinger).count() < missing) return true;
  const auto now = tools_.timers.Now();
  if (now - last_cut_ >= 2 * kLinger) return true;
  if (!std::exchange(lingers_, true)) {
    tools_.timers.After(kLinger, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr) return;
      self->Run([](UploadStream& on) {
        on.lingers_ = false;
        on.Pump();
      });
    });
  }
  return false;
}

// Gives bytes of a part that is too large to be kept to OSS as they come; whether there may be more to do.
bool UploadStream::PumpStreamed() {
  if (open_part_ == nullptr) {
    if (progress_.gathered() == 0 || progress_.parts_in_flight() > 0) return false;
    auto permit = permits_.Take(progress_.next_part(), tools_.clock.Now());
    if (!permit) return false;
    open_part_number_ = permit->part;
    open_part_ = oss_->OpenPart(*permit, progress_.streamed_bytes(),
                                [self = shared_from_this()](absl::StatusOr<StoredPart> stored) {
                                  self->Run([stored = std::move(stored)](UploadStream& on) mutable {
                                    on.OnStored(std::move(stored), true);
                                  });
                                });
  }
  const bool sized = progress_.streamed_bytes().has_value();
  absl::Cord bytes = progress_.TakeStreamed();
  if (const uint64_t size = bytes.size(); size > 0) {
    open_part_->Write(std::move(bytes), [self = shared_from_this(), size] {
      self->Run([size](UploadStream& on) {
        if (on.ended_) return;
        on.kept_.ShrinkTo(on.kept_.bytes() - std::min(on.kept_.bytes(), size));
        on.WantRead();
      });
    });
  }
  if (!progress_.CanFinishStreamed(is_last())) return false;
  const UploadProgress::Part part = progress_.FinishStreamed();
  streamed_sums_[part.number] = part.crc64;
  if (!sized) open_part_->End();
  open_part_ = nullptr;
  last_slots_ = 1;
  return true;
}

void UploadStream::AskPermits() {
  if (ended_ || making_ || yielding_ || is_small() || open_part_ != nullptr) return;
  // Of an object without a byte there is one part all the same.
  const bool more = !is_last() || progress_.gathered() > 0 || progress_.received() == 0;
  if (!more && !std::exchange(prepared_, true)) oss_->Prepare(OssVerb::kComplete);
  if (!more || ((gone_ || draining_) && !progress_.CanCut(false))) return;
  const uint64_t bytes = is_fast() ? PartTarget() : last_bytes_;
  const auto soon =
      pace_ * std::chrono::duration<double>(kPermitLife).count() / 4 / static_cast<double>(bytes);
  auto wanted = permits_.Wanted(progress_.next_part(), is_fast() ? progress_.SlotsWithin(bytes) : last_slots_,
                                static_cast<size_t>(std::min(soon, 1e3)), tools_.clock.Now());
  if (wanted.empty()) return;
  oss_->AskParts(std::move(wanted), [self = shared_from_this()](absl::StatusOr<std::vector<Permit>> permits) {
    self->Run([permits = std::move(permits)](UploadStream& on) mutable { on.OnPermits(std::move(permits)); });
  });
}

void UploadStream::OnPermits(absl::StatusOr<std::vector<Permit>> permits) {
  if (ended_) return;
  if (!permits.ok()) {
    permits_.Failed();
    return EndNow(permits.status());
  }
  permits_.Put(*std::move(permits));
  Pump();
  TryFinish();
  FinishDrain();
}

void UploadStream::OnStored(absl::StatusOr<StoredPart> part, bool streamed) {
  if (ended_) return;
  if (!part.ok()) return EndNow(part.status());
  if (streamed) {
    const auto sum = streamed_sums_.find(part->number);
    // An answer before the part was whole stored something else.
    if (sum == streamed_sums_.end() || part->crc64.value_or(sum->second) != sum->second) {
      return EndNow(Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                         "OSS has stored other bytes than were sent to it; send them once more"));
    }
    streamed_sums_.erase(sum);
  }
  const uint64_t before = progress_.bytes_in_flight();
  progress_.Store(*std::move(part));
  const uint64_t stored = before - progress_.bytes_in_flight();
  tools_.metrics.Stored(stored);
  if (!streamed) kept_.ShrinkTo(kept_.bytes() - std::min(kept_.bytes(), stored));
  // The last word is the object itself.
  if (!finishing_ || progress_.parts_in_flight() > 0) SendProgress();
  Pump();
  TryFinish();
  FinishDrain();
  FinishYield();
  WantRead();
}

void UploadStream::TryFinish() {
  if (!finishing_ || making_ || ended_ || yielding_) return;
  if (is_small()) {
    making_ = true;
    UploadProgress::Part whole =
        progress_.gathered() > 0 ? progress_.Cut(UINT64_MAX, true) : UploadProgress::Part();
    return oss_->Put(std::move(whole.bytes), whole.crc64, [self = shared_from_this()](auto object) {
      self->Run([object = std::move(object)](UploadStream& on) mutable { on.OnMade(std::move(object)); });
    });
  }
  if (progress_.gathered() > 0 || progress_.parts_in_flight() > 0 || open_part_ != nullptr) return;
  if (progress_.stored_parts().empty()) {
    // Nothing at all: one part without bytes, since an object must have one.
    auto permit = permits_.Take(1, tools_.clock.Now());
    if (!permit) return AskPermits();
    making_ = true;
    return oss_->PutPart(
        1, {}, 0, std::move(permit), [self = shared_from_this()](absl::StatusOr<StoredPart> part) {
          self->Run([part = std::move(part)](UploadStream& on) mutable {
            if (on.ended_) return;
            if (!part.ok()) return on.EndNow(part.status());
            on.oss_->Complete({*std::move(part)}, 0, 0, [keep = on.shared_from_this()](auto object) {
              keep->Run(
                  [object = std::move(object)](UploadStream& to) mutable { to.OnMade(std::move(object)); });
            });
          });
        });
  }
  making_ = true;
  oss_->Complete(
      progress_.stored_parts(), progress_.received(), progress_.crc64(),
      [self = shared_from_this()](auto object) {
        self->Run([object = std::move(object)](UploadStream& on) mutable { on.OnMade(std::move(object)); });
      });
}

void UploadStream::OnMade(absl::StatusOr<UploadedObject> object) {
  if (ended_) return;
  if (!object.ok()) return EndNow(object.status());
  if (is_small()) tools_.metrics.Stored(object->size_bytes());
  if (!progress_.crc64()) {
    // Parts without a sum were there before: only the client can settle the whole.
    if (client_crc64_ && object->crc64() != 0 && object->crc64() != *client_crc64_) {
      return EndNow(Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                         "the object in OSS has another CRC-64 than the client's; upload it anew"));
    }
    object->set_whole_object_verified(client_crc64_ && object->crc64() == *client_crc64_);
  }
  EndNow(absl::OkStatus(), *std::move(object));
}

void UploadStream::EndNow(const absl::Status& why, std::optional<UploadedObject> object) {
  if (ended_) return;
  ended_ = true;
  tools_.live.Remove(*this);
  tools_.timers.Cancel(alarm_);
  if (asked_room_ != 0) tools_.budget.Withdraw(asked_room_);
  if (object) {
    UploadResponse answer;
    answer.set_committed_bytes(object->size_bytes());
    *answer.mutable_object() = *object;
    stream_->Write(answer.SerializeAsString());
    tools_.metrics.Completed(tools_.timers.Now() - began_);
  } else {
    oss_->Cancel();
    tools_.metrics.Dropped(progress_.received() - progress_.committed());
    tools_.metrics.Abandoned(progress_.committed());
  }
  stream_->Finish(WithCommitted(why, progress_.committed()));
  open_part_ = nullptr;
  floor_ = {};
  room_ = {};
  kept_ = {};
  auto told = std::move(ended_callback_);
  told(why, std::move(object));
  for (auto& successor : std::exchange(successors_, {})) successor();
}

void UploadStream::SetAlarm() {
  alarm_ = tools_.timers.After(std::chrono::seconds(1), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->Run([](UploadStream& on) { on.OnTime(); });
  });
}

void UploadStream::OnTime() {
  if (ended_) return;
  const auto now = tools_.timers.Now();
  const auto& times = tools_.times;
  if (now - began_ >= times.life && !finishing_ && !gone_) {
    return EndNow(Fail(absl::StatusCode::kUnavailable, "STREAM_EXPIRED",
                       "a stream lives for an hour at most; open it again and go on")
                      .RetryAfter(std::chrono::milliseconds(0)));
  }
  if (reading_ && now - last_message_ >= times.idle) {
    return EndNow(Fail(absl::StatusCode::kUnavailable, "STREAM_STALLED",
                       "nothing came for too long; open the stream again when there are bytes to send")
                      .RetryAfter(std::chrono::milliseconds(0)));
  }
  if (now - last_told_ >= times.heartbeat) Announce();
  SetAlarm();
}

}  // namespace sluice::gateway
