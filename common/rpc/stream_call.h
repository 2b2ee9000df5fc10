// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "common/base/cancel.h"
#include "common/rpc/byte_stream.h"
#include "common/rpc/call_queue.h"

namespace sluice::rpc {
struct GrpcServerOptions;
}

namespace sluice::rpc::internal {

// A raw bidirectional method of a service, and what happens with its calls.
struct StreamMethod {
  using Stream = grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer>;
  // Waits for one call on a queue, as the generated code offers it.
  std::function<void(grpc::ServerContext*, Stream*, grpc::ServerCompletionQueue*, void*)> ask;
  StreamHandler handler;
  const GrpcServerOptions& options;
  CallCount& calls;
};

// One call of a bidirectional method from the moment it is waited for to its end.
class StreamCall final : public ByteStream, public std::enable_shared_from_this<StreamCall> {
 public:
  // Waits for a call at `queue`, and posts another one in its place as soon as it came.
  static void Post(const std::shared_ptr<const StreamMethod>& method, Queue& queue);
  ~StreamCall() override;

  const CallContext& context() const override { return context_; }
  void Read(Next next) override;
  void Write(std::string message) override;
  void Finish(const absl::Status& status) override;

 private:
  // What a queue gives back; as long as it owes one, the call lives.
  class Step final : public Tag {
   public:
    using Then = void (StreamCall::*)(bool ok);
    Step(StreamCall& call, Then then) : call_(call), then_(then) {}
    // Before it is handed to gRPC, under the call's lock.
    Step* Begin();
    void Proceed(bool ok) override;
    // gRPC will never give it back.
    void Forget() { owner_.reset(); }

   private:
    StreamCall& call_;
    const Then then_;
    std::shared_ptr<StreamCall> owner_;
  };

  StreamCall(std::shared_ptr<const StreamMethod> method, Queue& queue);
  void OnBegun(bool ok);
  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);
  void OnEnded(bool ok);
  // Sends the next of what is to be sent, where nothing is under way.
  void SendLocked();

  const std::shared_ptr<const StreamMethod> method_;
  Queue& queue_;
  CancelSource cancel_;
  CallContext context_;
  grpc::ServerContext grpc_;
  StreamMethod::Stream stream_{&grpc_};
  Step begun_{*this, &StreamCall::OnBegun};
  Step read_{*this, &StreamCall::OnRead};
  Step written_{*this, &StreamCall::OnWritten};
  Step finished_{*this, &StreamCall::OnFinished};
  Step ended_{*this, &StreamCall::OnEnded};

  std::mutex mutex_;
  grpc::ByteBuffer incoming_;  // gRPC's while a read is under way
  Next next_;                  // guarded by mutex_, as all below
  std::deque<std::string> outgoing_;
  std::optional<grpc::Status> end_;
  bool sending_ = false;
  // The call has ended, or its end was sent: gRPC takes nothing more.
  bool closed_ = false;
};

}  // namespace sluice::rpc::internal
