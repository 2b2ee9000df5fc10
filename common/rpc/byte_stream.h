// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "common/rpc/call_context.h"

namespace sluice::rpc {

// One stream of messages with a peer, both ways, its bytes where gRPC received them. Thread-safe; never
// blocks. After its end, whichever side made it, every call is harmless.
class ByteStream {
 public:
  // The peer's next message; nothing once it has sent its last one or is gone.
  using Next = absl::AnyInvocable<void(std::optional<absl::Cord>)>;
  virtual ~ByteStream() = default;

  // As it arrived. Its `cancel` is cancelled when the peer is gone; its deadline is the peer's own, or an
  // hour.
  virtual const CallContext& context() const = 0;
  // Asks for one message, and calls `next` exactly once, on a queue's thread, which must not be blocked. One
  // at a time: without it the peer is held back.
  virtual void Read(Next next) = 0;
  // Sends a message after those before it. They are kept until the peer takes them: small ones only.
  virtual void Write(std::string message) = 0;
  // Ends the stream after what was written, with what rpc::ToGrpc makes of `status`. The first one counts.
  virtual void Finish(const absl::Status& status) = 0;
};

// Told of each stream as it begins, on a queue's thread, which must not be blocked. Whoever lets go of a
// stream without Finish leaves its peer waiting.
using StreamHandler = std::function<void(std::shared_ptr<ByteStream>)>;

}  // namespace sluice::rpc
