// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/rpc/call_queue.h"

namespace sluice::rpc {

// Unary calls that a server makes of others, on its own queues: a queue of theirs would poll the sockets of
// the server's, and wake a second thread for each call. Thread-safe; never blocks.
class OutgoingCalls {
 public:
  template <typename Answer>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;
  // As generated: `&X::Stub::PrepareAsyncMethod`.
  template <typename Stub, typename Request, typename Answer>
  using Prepare = std::unique_ptr<grpc::ClientAsyncResponseReader<Answer>> (Stub::*)(grpc::ClientContext*,
                                                                                     const Request&,
                                                                                     grpc::CompletionQueue*);
  // Names and values as HTTP/2 takes them: visible ASCII.
  using Metadata = std::vector<std::pair<std::string, std::string>>;

  // Calls `done` exactly once, on a queue's thread, which must not be blocked, or at once where the server is
  // gone. Errors are the peer's, as rpc::FromGrpc reads them.
  template <typename Stub, typename Request, typename Answer>
  void Call(Stub& stub, Prepare<Stub, Request, Answer> prepare, const Request& request, Metadata metadata,
            Deadline deadline, CancelToken cancel, Done<Answer> done);

 private:
  friend class GrpcServer;
  explicit OutgoingCalls(internal::CallCount& calls) : calls_(calls) {}
  internal::Queue& Next() { return *queues_[next_++ % queues_.size()]; }
  // What a call is given before it is sent; errors of values that gRPC would abort for.
  static absl::Status Fill(grpc::ClientContext& context, const Metadata& metadata, Deadline deadline);
  static absl::Status Read(const grpc::Status& status);

  template <typename Answer>
  class Flight;

  internal::CallCount& calls_;
  // Set once, before the first call.
  std::vector<internal::Queue*> queues_;
  std::atomic<size_t> next_ = 0;
};

// One call from the moment it is sent until it is answered.
template <typename Answer>
class OutgoingCalls::Flight final : public internal::Tag {
 public:
  Flight(internal::CallCount& calls, Done<Answer> done) : calls_(calls), done_(std::move(done)) {}

  void Proceed(bool) override {
    // Before the call's context goes.
    cancel_guard_->Clear();
    auto done = std::move(done_);
    const absl::Status status = OutgoingCalls::Read(status_);
    absl::StatusOr<Answer> answer =
        status.ok() ? absl::StatusOr<Answer>(std::move(answer_)) : absl::StatusOr<Answer>(status);
    auto& calls = calls_;
    delete this;
    done(std::move(answer));
    calls.Remove();
  }

 private:
  friend class OutgoingCalls;
  // What a late cancel may still touch.
  class Guard {
   public:
    explicit Guard(grpc::ClientContext& context) : context_(&context) {}
    void Cancel() {
      std::lock_guard lock(mutex_);
      if (context_ != nullptr) context_->TryCancel();
    }
    void Clear() {
      std::lock_guard lock(mutex_);
      context_ = nullptr;
    }

   private:
    std::mutex mutex_;
    grpc::ClientContext* context_;  // guarded by mutex_
  };

  internal::CallCount& calls_;
  Done<Answer> done_;
  grpc::ClientContext context_;
  std::shared_ptr<Guard> cancel_guard_ = std::make_shared<Guard>(context_);
  Answer answer_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Answer>> reader_;
};

template <typename Stub, typename Request, typename Answer>
void OutgoingCalls::Call(Stub& stub, Prepare<Stub, Request, Answer> prepare, const Request& request,
                         Metadata metadata, Deadline deadline, CancelToken cancel, Done<Answer> done) {
  if (!calls_.TryAdd()) return done(absl::CancelledError("this server has ended"));
  auto flight = std::make_unique<Flight<Answer>>(calls_, std::move(done));
  if (absl::Status bad = Fill(flight->context_, metadata, deadline); !bad.ok()) {
    auto refused = std::move(flight->done_);
    flight.reset();
    refused(std::move(bad));
    return calls_.Remove();
  }
  flight->reader_ = (stub.*prepare)(&flight->context_, request, &Next().completions());
  flight->reader_->StartCall();
  const auto guard = flight->cancel_guard_;
  Flight<Answer>* sent = flight.release();
  sent->reader_->Finish(&sent->answer_, &sent->status_, sent);
  cancel.OnCancel([guard] { guard->Cancel(); });
}

}  // namespace sluice::rpc
