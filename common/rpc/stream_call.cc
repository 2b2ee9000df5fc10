// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/stream_call.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "common/rpc/grpc_server.h"
#include "common/rpc/status_mapping.h"

namespace sluice::rpc::internal {
namespace {

constexpr std::chrono::hours kLongestLife{1};

// The message in one piece.
absl::Cord Gather(const std::vector<grpc::Slice>& slices, size_t size) {
  auto bytes = std::make_unique_for_overwrite<char[]>(size);
  size_t at = 0;
  for (const grpc::Slice& slice : slices) {
    std::memcpy(bytes.get() + at, slice.begin(), slice.size());
    at += slice.size();
  }
  const absl::string_view all(bytes.get(), size);
  return absl::MakeCordFromExternal(all, [owner = std::move(bytes)] {});
}

// The message, its bytes where they lie; small pieces are copied, which costs less than owning them. TLS
// gives nothing but small ones: copied at once they are still in the processor's cache, and its next
// records come into the same memory.
absl::Cord ToCord(const grpc::ByteBuffer& message) {
  constexpr size_t kCopied = 256;
  constexpr size_t kSmall = 12 * 1024;
  std::vector<grpc::Slice> slices;
  absl::Cord out;
  if (!message.Dump(&slices).ok()) return out;
  const size_t size = message.Length();
  if (size > kCopied && size / slices.size() < kSmall) return Gather(slices, size);
  for (grpc::Slice& slice : slices) {
    const absl::string_view bytes(reinterpret_cast<const char*>(slice.begin()), slice.size());
    if (bytes.size() <= kCopied) {
      out.Append(bytes);
    } else {
      out.Append(absl::MakeCordFromExternal(bytes, [owner = std::move(slice)] {}));
    }
  }
  return out;
}

}  // namespace

StreamCall::Step* StreamCall::Step::Begin() {
  owner_ = call_.shared_from_this();
  return this;
}

void StreamCall::Step::Proceed(bool ok) {
  const auto keep = std::move(owner_);
  (call_.*then_)(ok);
}

void StreamCall::Post(const std::shared_ptr<const StreamMethod>& method, Queue& queue) {
  const std::shared_ptr<StreamCall> call(new StreamCall(method, queue));
  call->grpc_.AsyncNotifyWhenDone(call->ended_.Begin());
  method->ask(&call->grpc_, &call->stream_, &queue.completions(), call->begun_.Begin());
}

StreamCall::StreamCall(std::shared_ptr<const StreamMethod> method, Queue& queue)
    : method_(std::move(method)), queue_(queue) {
  method_->calls.Add();
}

StreamCall::~StreamCall() { method_->calls.Remove(); }

void StreamCall::OnBegun(bool ok) {
  if (!ok) {  // the server is going down; this call never began, so its end is never told either
    ended_.Forget();
    return;
  }
  Post(method_, queue_);
  context_ = ContextOf(grpc_, IsTls(method_->options, grpc_), method_->options.certificates, cancel_.token());
  const auto life = std::chrono::duration_cast<std::chrono::milliseconds>(grpc_.deadline() -
                                                                          std::chrono::system_clock::now());
  context_.deadline = Deadline::After(std::min<std::chrono::milliseconds>(life, kLongestLife));
  method_->handler(shared_from_this());
}

void StreamCall::Read(Next next) {
  {
    std::lock_guard lock(mutex_);
    if (!closed_) {
      next_ = std::move(next);
      stream_.Read(&incoming_, read_.Begin());
      return;
    }
  }
  next(std::nullopt);
}

void StreamCall::OnRead(bool ok) {
  Next next;
  std::optional<absl::Cord> message;
  {
    std::lock_guard lock(mutex_);
    next = std::move(next_);
    if (ok) message = ToCord(incoming_);
    incoming_.Clear();
  }
  next(std::move(message));
}

void StreamCall::Write(std::string message) {
  std::lock_guard lock(mutex_);
  if (closed_ || end_) return;
  outgoing_.push_back(std::move(message));
  SendLocked();
}

void StreamCall::Finish(const absl::Status& status) {
  std::lock_guard lock(mutex_);
  if (closed_ || end_) return;
  end_ = ToGrpc(status);
  if (!status.ok()) grpc_.AddTrailingMetadata("x-request-id", context_.request_id);
  SendLocked();
}

void StreamCall::SendLocked() {
  if (sending_ || closed_) return;
  if (!outgoing_.empty()) {
    const grpc::Slice slice(outgoing_.front());
    outgoing_.pop_front();
    sending_ = true;
    stream_.Write(grpc::ByteBuffer(&slice, 1), written_.Begin());
  } else if (end_) {
    sending_ = true;
    closed_ = true;
    stream_.Finish(*end_, finished_.Begin());
  }
}

void StreamCall::OnWritten(bool ok) {
  std::lock_guard lock(mutex_);
  sending_ = false;
  if (!ok) outgoing_.clear();
  SendLocked();
}

void StreamCall::OnFinished(bool) {}

void StreamCall::OnEnded(bool) {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
  }
  cancel_.Cancel();
}

}  // namespace sluice::rpc::internal
