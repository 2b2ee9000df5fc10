// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/rpc/arrival.h"
#include "common/rpc/byte_stream.h"
#include "common/rpc/call_context.h"
#include "common/rpc/call_queue.h"
#include "common/rpc/outgoing_calls.h"
#include "common/rpc/status_mapping.h"
#include "common/rpc/stream_call.h"

namespace sluice::rpc {

namespace internal {

absl::Status MalformedRequest();
// `certificates` where the listener asks for them; looking for one costs.
CallContext ContextOf(const grpc::ServerContext& context, bool tls, bool certificates, CancelToken cancel);
grpc::ByteBuffer Join(const Rendered& answer);
// What `shortcut` answers to a call; nothing where a header that says who calls is there twice.
std::optional<Rendered> TryShortcut(const Shortcut& shortcut, const grpc::ServerContext& context, bool tls,
                                    const grpc::ByteBuffer& request);

}  // namespace internal

// For methods that carry many bytes: what the peer sends ahead of being read is bounded, whatever the
// network.
struct BulkTraffic {
  // Bytes of one stream that are taken before anybody reads them.
  int lookahead_bytes = 64 * 1024;
  // What all connections together may hold; beyond it the library ends streams with `RESOURCE_EXHAUSTED`. A
  // fuse, for peers that keep to nothing: streams hold themselves back long before.
  size_t fuse_bytes = 0;
};

// Where else a server listens.
struct ListeningAddress {
  // `host:port`; port 0 takes a free one.
  std::string address;
  std::shared_ptr<grpc::ServerCredentials> credentials;
};

struct GrpcServerOptions {
  // `host:port`; port 0 takes a free one.
  std::string address;
  std::shared_ptr<grpc::ServerCredentials> credentials;
  bool tls = false;
  // Completion queues; 0 for one per core.
  int queues = 0;
  // Largest request message.
  int max_request_bytes = 64 * 1024;
  // Whether client certificates are asked for.
  bool certificates = false;
  // How long a call may wait for its queue's thread, and what it is answered beyond that; null for a plain
  // `UNAVAILABLE`. Called on the queues' threads.
  std::chrono::milliseconds most_wait{500};
  std::function<absl::Status()> too_late;
  // Absent for a server of small messages.
  std::optional<BulkTraffic> bulk;
  // A second address, with TLS; then each call is asked by which it came.
  std::optional<ListeningAddress> also_tls;
  // Threads of each queue. A second one costs small calls more than it brings; of large messages both the
  // reading and the work are shared.
  int threads = 1;
};

namespace internal {
// Whether a call came over TLS.
bool IsTls(const GrpcServerOptions& options, const grpc::ServerContext& context);
}  // namespace internal

// A gRPC server on completion queues. The handlers run on the queues' threads, which must
// not be blocked, and answer from any thread. Answers grpc.health.v1.Health/Check for the server as a whole
// from those same queues: the library's own health service would poll their sockets from threads of its own,
// at half the cost of a call.
class GrpcServer {
 public:
  template <typename Answer>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;
  template <typename Request, typename Answer>
  using Handler = std::function<void(const Request&, CallContext, Done<Answer>)>;

  // One raw method of a service, as the generated code offers it: `&WithRawMethod_X<...>::RequestX`. Raw, so
  // that a request that is no such message gets an answer of ours.
  template <typename Service>
  using Ask = void (Service::*)(grpc::ServerContext*, grpc::ByteBuffer*,
                                grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>*, grpc::CompletionQueue*,
                                grpc::ServerCompletionQueue*, void*);

  // The same for a method of streams, both ways.
  template <typename Service>
  using AskStream = void (Service::*)(grpc::ServerContext*, internal::StreamMethod::Stream*,
                                      grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*);

  explicit GrpcServer(GrpcServerOptions options);
  ~GrpcServer();

  // Before Start. `service` must outlive the server.
  void AddService(grpc::Service& service) { services_.push_back(&service); }
  // `shortcut`, where there is one, sees each call first.
  template <typename Request, typename Answer, typename Service>
  void AddMethod(Service& service, Ask<Service> ask, Handler<Request, Answer> handler,
                 Shortcut shortcut = nullptr);
  template <typename Service>
  void AddStream(Service& service, AskStream<Service> ask, StreamHandler handler);
  // For what this server asks of others; theirs are under way as its own calls are, and Stop waits for them.
  OutgoingCalls& outgoing() { return outgoing_; }

  // `UNAVAILABLE` `LISTEN_FAILED` when the address is taken or not local.
  absl::Status Start();
  int port() const { return port_; }
  // Of the second address; 0 without one.
  int also_port() const { return also_port_; }
  // Says `NOT_SERVING` to health checks, and serves on.
  void AnnounceEnd();
  // AnnounceEnd; takes no new call, lets those under way finish until `grace` has
  // passed, then cancels them. Idempotent; blocks.
  void Stop(std::chrono::milliseconds grace);

 private:
  template <typename Service, typename Request, typename Answer>
  class UnaryCall;

  const GrpcServerOptions options_;
  std::vector<grpc::Service*> services_;
  std::vector<std::function<void(internal::Queue&)>> posts_;
  // Ends the queues, which nobody uses any more.
  void DrainQueues();

  internal::CallCount calls_;
  class Health;
  const std::unique_ptr<Health> health_;
  // Until Start.
  std::unique_ptr<grpc::ServerBuilder> builder_;
  std::vector<std::unique_ptr<internal::Queue>> queues_;
  std::vector<std::thread> threads_;
  OutgoingCalls outgoing_{calls_};
  // Goes before its queues; null before Start and after Stop.
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  int also_port_ = 0;
};

// One call from the moment it is waited for to the moment it is answered and gone; where a shortcut answered
// it, the next one in the same place.
template <typename Service, typename Request, typename Answer>
class GrpcServer::UnaryCall final : public internal::Tag, public internal::Waiting {
 public:
  struct Method {
    Service& service;
    Ask<Service> ask;
    Handler<Request, Answer> handler;
    Shortcut shortcut;
    internal::CallCount& calls;
    const GrpcServerOptions& options;
  };

  static void Post(const std::shared_ptr<const Method>& method, internal::Queue& queue) {
    (new UnaryCall(method, queue))->Await();
  }

  void Proceed(bool ok) override {
    if (answering_) return Release();  // Finish has ended, well or not
    if (!ok) {                         // the server is going down; this call never began
      delete this;
      return;
    }
    answering_ = true;
    if (method_->shortcut) {
      if (const auto answer =
              internal::TryShortcut(method_->shortcut, live_->context,
                                    internal::IsTls(method_->options, live_->context), live_->bytes)) {
        internal::Join(*answer).Swap(&live_->bytes);
        return live_->writer.Finish(live_->bytes, grpc::Status::OK, this);
      }
    }
    // From here on it may take its time, so another one is posted in its place.
    Post(method_, queue_);
    {
      std::lock_guard lock(mutex_);
      cancel_.emplace();
      if (gone_) cancel_->Cancel();
    }
    queue_.Wait(*this);
  }

  void Work() override {
    if (users_ == 1) return Refuse(absl::CancelledError("the caller has gone"), NewRequestId());
    const GrpcServerOptions& options = method_->options;
    CallContext context = internal::ContextOf(live_->context, internal::IsTls(options, live_->context),
                                              options.certificates, cancel_->token());
    Request request;
    if (!grpc::SerializationTraits<Request>::Deserialize(&live_->bytes, &request).ok())
      return Refuse(internal::MalformedRequest(), context.request_id);
    std::string id = context.request_id;
    method_->handler(request, std::move(context), [this, id = std::move(id)](absl::StatusOr<Answer> answer) {
      if (!answer.ok()) return Refuse(answer.status(), id);
      bool own_buffer = false;
      const grpc::Status written =
          grpc::SerializationTraits<Answer>::Serialize(*answer, &live_->bytes, &own_buffer);
      live_->writer.Finish(live_->bytes, written, this);
    });
  }

  void TurnAway() override {
    const auto& too_late = method_->options.too_late;
    Refuse(too_late ? too_late() : absl::UnavailableError("this server has more calls than it can serve"),
           NewRequestId());
  }

 private:
  // Comes once for a call that began, whenever the caller is gone or answered.
  class Ended final : public internal::Tag {
   public:
    explicit Ended(UnaryCall& call) : call_(call) {}
    void Proceed(bool) override {
      call_.OnEnded();
      call_.Release();
    }

   private:
    UnaryCall& call_;
  };

  // What gRPC needs of one call.
  struct Live {
    grpc::ServerContext context;
    grpc::ByteBuffer bytes;  // of the request, then of the answer
    grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer{&context};
  };

  UnaryCall(std::shared_ptr<const Method> method, internal::Queue& queue)
      : method_(std::move(method)), queue_(queue) {
    method_->calls.Add();
  }
  ~UnaryCall() override { method_->calls.Remove(); }

  // An error carries its request id; a good answer is told from others by what is in it, and costs less.
  void Refuse(const absl::Status& status, const std::string& request_id) {
    live_->context.AddTrailingMetadata("x-request-id", request_id);
    live_->writer.FinishWithError(ToGrpc(status), this);
  }
  void OnEnded() {
    if (!live_->context.IsCancelled()) return;
    std::optional<CancelSource> cancel;
    {
      std::lock_guard lock(mutex_);
      gone_ = true;
      cancel = cancel_;
    }
    if (cancel) cancel->Cancel();
  }
  void Await() {
    live_.emplace();
    answering_ = false;
    gone_ = false;
    users_ = 2;
    live_->context.AsyncNotifyWhenDone(&ended_);
    grpc::ServerCompletionQueue& queue = queue_.completions();
    (method_->service.*(method_->ask))(&live_->context, &live_->bytes, &live_->writer, &queue, &queue, this);
  }
  // Both the answer and the end of the call use this object. After the later one it is gone, since another
  // waits in its place, or waits itself again.
  void Release() {
    if (--users_ > 0) return;
    cancel_ ? delete this : Await();
  }

  const std::shared_ptr<const Method> method_;
  internal::Queue& queue_;
  std::optional<Live> live_;
  Ended ended_{*this};
  bool answering_ = false;
  std::atomic<int> users_ = 2;
  std::mutex mutex_;
  bool gone_ = false;                   // guarded by mutex_, as below
  std::optional<CancelSource> cancel_;  // of a call that went to its handler
};

template <typename Request, typename Answer, typename Service>
void GrpcServer::AddMethod(Service& service, Ask<Service> ask, Handler<Request, Answer> handler,
                           Shortcut shortcut) {
  using Call = UnaryCall<Service, Request, Answer>;
  auto method = std::make_shared<const typename Call::Method>(
      typename Call::Method{service, ask, std::move(handler), std::move(shortcut), calls_, options_});
  posts_.push_back([method](internal::Queue& queue) { Call::Post(method, queue); });
}

template <typename Service>
void GrpcServer::AddStream(Service& service, AskStream<Service> ask, StreamHandler handler) {
  const auto wait = [&service, ask](grpc::ServerContext* context, internal::StreamMethod::Stream* stream,
                                    grpc::ServerCompletionQueue* queue,
                                    void* tag) { (service.*ask)(context, stream, queue, queue, tag); };
  const auto method = std::make_shared<const internal::StreamMethod>(
      internal::StreamMethod{wait, std::move(handler), options_, calls_});
  posts_.push_back([method](internal::Queue& queue) { internal::StreamCall::Post(method, queue); });
}

}  // namespace sluice::rpc
