// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/body_stream.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/base/status.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"

namespace sluice::gateway {
namespace {

using upload::v1::UploadRequest;
using upload::v1::UploadResponse;

// A message UploadRequest whose chunk is `data`, which stays where it is.
absl::Cord ChunkFrame(uint64_t offset, std::string data) {
  // Fields in any order are one message: what stands before the payload is a chunk without it, but for the
  // sizes.
  UploadRequest message;
  message.mutable_chunk()->set_offset(offset);
  const std::string fields = message.chunk().SerializeAsString();
  const auto varint = [](std::string& out, uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  };
  constexpr char kData = upload::v1::Chunk::kDataFieldNumber << 3 | 2;
  constexpr char kChunk = UploadRequest::kChunkFieldNumber << 3 | 2;
  std::string inner = fields;
  inner += kData;
  varint(inner, data.size());
  std::string head(1, kChunk);
  varint(head, inner.size() + data.size());
  absl::Cord out(head + inner);
  auto owned = std::make_shared<std::string>(std::move(data));
  const absl::string_view view(*owned);
  out.Append(absl::MakeCordFromExternal(view, [owned] {}));
  return out;
}

bool Matches(const BodyStream::Checksum& sum, std::string_view body) {
  switch (sum.kind) {
    case BodyStream::Checksum::Kind::kMd5:
      return crypto::Md5(body) == sum.digest;
    case BodyStream::Checksum::Kind::kSha1:
      return crypto::Sha1(body) == sum.digest;
    case BodyStream::Checksum::Kind::kSha256:
      return crypto::Sha256(body) == sum.digest;
  }
  return false;
}

absl::Status OffsetMismatch(uint64_t committed) {
  return Fail(absl::StatusCode::kAborted, "OFFSET_MISMATCH",
              "the body does not begin where the upload stands; go on from `committed_bytes`")
      .With("committed_bytes", std::to_string(committed));
}

}  // namespace

BodyStream::BodyStream(rpc::CallContext context, CancelSource cancel, ByteBudget& budget)
    : context_(std::move(context)), cancel_(std::move(cancel)), budget_(budget) {}

void BodyStream::Expect(Order order, Ended ended) {
  std::lock_guard lock(mutex_);
  order_ = std::move(order);
  ended_ = std::move(ended);
}

void BodyStream::AwaitReady(http::Exchange::Ready ready) {
  {
    std::lock_guard lock(mutex_);
    ready_ = std::move(ready);
  }
  Advance();
}

absl::Status BodyStream::OnBody(std::string_view piece) {
  {
    std::lock_guard lock(mutex_);
    if (closed_) return absl::CancelledError("no more of the body is wanted");
    received_ += piece.size();
    if (!order_.checksum) {
      chunk_ = ChunkFrame(order_.offset + received_ - piece.size(), std::string(piece));
    } else if (received_ > kMostSummed) {
      refusal_ = Fail(absl::StatusCode::kOutOfRange, "CHUNK_TOO_LARGE",
                      "a body with a checksum is at most 4 MiB; send less at once, or no checksum");
      closed_ = true;
    } else {
      kept_ += piece;
    }
  }
  Advance();
  return absl::OkStatus();
}

void BodyStream::OnBodyEnd() {
  {
    std::lock_guard lock(mutex_);
    body_ended_ = true;
  }
  Advance();
}

void BodyStream::OnGone() {
  {
    std::lock_guard lock(mutex_);
    gone_ = true;
    ready_ = nullptr;
  }
  cancel_.Cancel();
  Advance();
}

void BodyStream::Decline() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  Advance();
}

void BodyStream::Read(Next next) {
  {
    std::lock_guard lock(mutex_);
    next_ = std::move(next);
  }
  Advance();
}

void BodyStream::Write(std::string message) {
  UploadResponse answer;
  if (!answer.ParseFromString(message)) std::abort();  // it was made in this process
  {
    std::lock_guard lock(mutex_);
    told_ = true;
    result_.committed = answer.committed_bytes();
    if (answer.has_started()) result_.started = std::move(*answer.mutable_started());
    if (answer.has_object()) result_.object = std::move(*answer.mutable_object());
  }
  Advance();
}

void BodyStream::Finish(const absl::Status& status) {
  Ended ended;
  Next next;
  Result result;
  // Given back under no lock: whoever waits for it goes on at once, on this thread.
  ByteBudget::Lease lease;
  ByteBudget::Ticket asked = 0;
  {
    std::lock_guard lock(mutex_);
    if (!ended_) return;
    closed_ = true;
    ended = std::exchange(ended_, nullptr);
    next = std::exchange(next_, nullptr);
    lease = std::move(lease_);
    asked = std::exchange(asked_, 0);
    result = std::move(result_);
    for (const auto& [name, value] : Metadata(status)) {
      if (name == "committed_bytes") result.committed = std::strtoull(value.c_str(), nullptr, 10);
    }
    result.status = refusal_ ? *refusal_ : status;
    // An object that was there before the first byte came.
    if (status.ok() && !order_.first.has_start() && received_ == 0 && result.committed != order_.offset)
      result.status = OffsetMismatch(result.committed);
    // All that was asked of this stream.
    if (paused_ && !refusal_ && absl::IsCancelled(status)) result.status = absl::OkStatus();
  }
  if (asked != 0) budget_.Withdraw(asked);
  lease.ShrinkTo(0);
  if (next) next(std::nullopt);
  Advance();
  ended(std::move(result));
}

bool BodyStream::IsWholeLocked() const {
  return order_.size_bytes && order_.offset + received_ == *order_.size_bytes;
}

BodyStream::Action BodyStream::GiveLocked(std::optional<absl::Cord> message) {
  return [next = std::exchange(next_, nullptr), message = std::move(message)]() mutable {
    next(std::move(message));
  };
}

BodyStream::Action BodyStream::TakeBodyLocked() {
  if (order_.checksum && !leased_) {
    // The upload has its own room by now, so whoever waits here holds nothing that others need.
    if (std::exchange(leasing_, true)) return nullptr;
    return [self = shared_from_this()] {
      const ByteBudget::Ticket asked = self->budget_.Take(kMostSummed, [self](ByteBudget::Lease lease) {
        {
          std::lock_guard lock(self->mutex_);
          self->asked_ = 0;
          self->leased_ = true;
          if (!self->closed_) self->lease_ = std::move(lease);
        }
        self->Advance();
      });
      std::lock_guard lock(self->mutex_);
      if (!self->leased_) self->asked_ = asked;
    };
  }
  if (!ready_) return nullptr;
  return [ready = std::exchange(ready_, nullptr)]() mutable { ready(); };
}

BodyStream::Action BodyStream::NextLocked() {
  if (closed_ && ready_) return [ready = std::exchange(ready_, nullptr)]() mutable { ready(); };
  if (!next_) return nullptr;
  if (!std::exchange(opened_, true)) return GiveLocked(absl::Cord(order_.first.SerializeAsString()));
  if (gone_ || closed_) return GiveLocked(std::nullopt);
  if (told_ && received_ == 0 && result_.committed != order_.offset) {
    refusal_ = OffsetMismatch(result_.committed);
    closed_ = true;
    return GiveLocked(std::nullopt);
  }
  if (order_.refusal) {
    refusal_ = order_.refusal;
    closed_ = true;
    return GiveLocked(std::nullopt);
  }
  if (body_ended_ && order_.checksum && !std::exchange(judged_, true)) {
    if (!Matches(*order_.checksum, kept_)) {
      refusal_ = Fail(absl::StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
                      "the body's sum is not the one that came with it; send it again");
      closed_ = true;
      return GiveLocked(std::nullopt);
    }
    if (!kept_.empty()) chunk_ = ChunkFrame(order_.offset, std::move(kept_));
  }
  if (chunk_) {
    return [lease = std::move(lease_), give = GiveLocked(std::exchange(chunk_, std::nullopt))]() mutable {
      lease.ShrinkTo(0);
      give();
    };
  }
  if (!body_ended_) return TakeBodyLocked();
  if (!IsWholeLocked() || last_given_) {
    paused_ = true;
    return GiveLocked(std::nullopt);
  }
  last_given_ = true;
  UploadRequest finish;
  finish.mutable_finish();
  return GiveLocked(absl::Cord(finish.SerializeAsString()));
}

void BodyStream::Advance() {
  for (;;) {
    Action action;
    {
      std::lock_guard lock(mutex_);
      action = NextLocked();
    }
    if (!action) return;
    action();
  }
}

}  // namespace sluice::gateway
