// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/grpc_server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/impl/server_builder_option.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace sluice::rpc {
namespace internal {

absl::Status MalformedRequest() {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
              "the request is not a message of this method; generate the stubs again from proto/");
}

bool IsTls(const GrpcServerOptions& options, const grpc::ServerContext& context) {
  if (!options.also_tls) return options.tls;
  const auto peer = context.auth_context();
  if (peer == nullptr) return false;
  const auto kind = peer->FindPropertyValues(GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
  return kind.size() == 1 && kind.front() == "ssl";
}

CallContext ContextOf(const grpc::ServerContext& context, bool tls, bool certificates, CancelToken cancel) {
  CallContext out;
  out.peer = AddressOf(context.peer());
  out.tls = tls;
  out.cancel = std::move(cancel);
  out.request_id = NewRequestId();
  const auto text = [](grpc::string_ref value) { return std::string_view(value.data(), value.size()); };
  const std::pair<std::string_view, std::string*> wanted[] = {{"authorization", &out.authorization},
                                                              {"x-sluice-ticket", &out.ticket},
                                                              {"x-forwarded-for", &out.forwarded_for},
                                                              {"x-forwarded-proto", &out.forwarded_proto}};
  std::string_view parent;
  for (const auto& [name, value] : context.client_metadata()) {
    if (text(name) == "traceparent") parent = text(value);
    for (const auto& [header, into] : wanted) {
      if (text(name) != header) continue;
      // Two proofs are no proof: joined, they are malformed.
      if (!into->empty()) *into += ',';
      *into += text(value);
    }
  }
  if (certificates) {
    const auto peer = context.auth_context();
    if (peer != nullptr && peer->IsPeerAuthenticated()) {
      const auto shown = peer->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
      if (shown.size() == 1) out.client_certificate = text(shown.front());
    }
  }
  out.trace_id = TraceIdOf(parent);
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (left < std::chrono::seconds(10))
    out.deadline = Deadline::After(std::chrono::duration_cast<std::chrono::milliseconds>(left));
  return out;
}

grpc::ByteBuffer Join(const Rendered& answer) {
  grpc_slice both = grpc_slice_malloc(answer.shared->size() + answer.own.size());
  uint8_t* to = GRPC_SLICE_START_PTR(both);
  std::memcpy(to, answer.shared->data(), answer.shared->size());
  std::memcpy(to + answer.shared->size(), answer.own.data(), answer.own.size());
  const grpc::Slice whole(both, grpc::Slice::STEAL_REF);
  return grpc::ByteBuffer(&whole, 1);
}

std::optional<Rendered> TryShortcut(const Shortcut& shortcut, const grpc::ServerContext& context, bool tls,
                                    const grpc::ByteBuffer& request) {
  grpc::Slice message;
  if (!request.TrySingleSlice(&message).ok() && !request.DumpToSingleSlice(&message).ok())
    return std::nullopt;
  Arrival arrival;
  const std::pair<grpc::string_ref, std::string_view*> wanted[] = {
      {"authorization", &arrival.authorization},
      {"x-sluice-ticket", &arrival.ticket},
      {"x-forwarded-for", &arrival.forwarded_for},
      {"x-forwarded-proto", &arrival.forwarded_proto},
      {"traceparent", &arrival.traceparent}};
  for (const auto& [name, value] : context.client_metadata()) {
    for (const auto& [header, into] : wanted) {
      if (name != header) continue;
      if (!into->empty()) return std::nullopt;
      *into = {value.data(), value.size()};
    }
  }
  arrival.peer = AddressOf(context.peer());
  arrival.tls = tls;
  arrival.request = {reinterpret_cast<const char*>(message.begin()), message.size()};
  return shortcut(arrival);
}

}  // namespace internal

namespace {

// Nothing that the process registered for every server: reflection and channelz, which do so by being linked
// or called for, would tell callers of the public port about its inside.
class NoPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    plugins->clear();
  }
};

}  // namespace

// The health protocol for the server as a whole. Watch is refused, which clients of the protocol take for
// good health; whoever must know of a drain asks Check, and GOAWAY tells the others.
class GrpcServer::Health {
 public:
  using Proto = grpc::health::v1::Health;
  using CheckRequest = grpc::health::v1::HealthCheckRequest;
  using CheckResponse = grpc::health::v1::HealthCheckResponse;

  // Answered as it arrives, or a server with too much to do would be taken for a dead one.
  void AddTo(GrpcServer& server) {
    server.AddService(service_);
    server.AddMethod<CheckRequest, CheckResponse, Service>(
        service_, &Service::RequestCheck,
        [this](const CheckRequest& request, const CallContext&, Done<CheckResponse> done) {
          if (request.service().empty()) return done(Answer());
          done(Fail(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN",
                    "health is known of the server as a whole; ask with an empty service"));
        },
        [this](const Arrival& call) -> std::optional<Rendered> {
          if (!call.request.empty()) return std::nullopt;
          return Rendered{std::make_shared<const std::string>(Answer().SerializeAsString()), ""};
        });
    server.posts_.push_back([this, &calls = server.calls_](internal::Queue& queue) {
      new Watch(service_, queue.completions(), calls);
    });
  }

  std::atomic<bool> serving = false;

 private:
  CheckResponse Answer() const {
    CheckResponse answer;
    answer.set_status(serving ? CheckResponse::SERVING : CheckResponse::NOT_SERVING);
    return answer;
  }
  using Service = Proto::WithRawMethod_Check<Proto::WithRawMethod_Watch<Proto::Service>>;

  // One Watch from the moment it is waited for until it is refused and gone.
  class Watch final : public internal::Tag {
   public:
    Watch(Service& service, grpc::ServerCompletionQueue& queue, internal::CallCount& calls)
        : service_(service), queue_(queue), calls_(calls) {
      calls_.Add();
      service_.RequestWatch(&context_, &bytes_, &writer_, &queue_, &queue_, this);
    }
    ~Watch() override { calls_.Remove(); }
    void Proceed(bool ok) override {
      if (refused_ || !ok) {
        delete this;
        return;
      }
      new Watch(service_, queue_, calls_);  // for the next
      refused_ = true;
      writer_.Finish({grpc::StatusCode::UNIMPLEMENTED, "ask Check"}, this);
    }

   private:
    Service& service_;
    grpc::ServerCompletionQueue& queue_;
    internal::CallCount& calls_;
    grpc::ServerContext context_;
    grpc::ByteBuffer bytes_;
    grpc::ServerAsyncWriter<grpc::ByteBuffer> writer_{&context_};
    bool refused_ = false;
  };
  Service service_;
};

GrpcServer::GrpcServer(GrpcServerOptions options)
    : options_(std::move(options)),
      health_(std::make_unique<Health>()),
      builder_(std::make_unique<grpc::ServerBuilder>()) {
  const unsigned wanted = options_.queues > 0 ? static_cast<unsigned>(options_.queues)
                                              : std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < wanted; ++i) {
    queues_.push_back(std::make_unique<internal::Queue>(builder_->AddCompletionQueue(), options_.most_wait));
    outgoing_.queues_.push_back(queues_.back().get());
  }
  health_->AddTo(*this);
}

GrpcServer::~GrpcServer() {
  Stop(std::chrono::milliseconds(0));
  DrainQueues();  // where it never started
}

void GrpcServer::DrainQueues() {
  calls_.AwaitZero();  // a queue must not be shut down while a call may still answer into it
  for (auto& queue : queues_) queue->completions().Shutdown();
  for (auto& thread : threads_) thread.join();
  if (threads_.empty()) {
    for (auto& queue : queues_) queue->Run();
  }
  server_.reset();  // it goes before its queues
  threads_.clear();
  queues_.clear();
}

absl::Status GrpcServer::Start() {
  // Few: Debian's gRPC, built with its assertions, searches all the tags that a queue still owes for each
  // that it gives back, which with 128 of each method was a sixth of a call. A burst waits inside gRPC
  // instead.
  constexpr int kPostedPerMethod = 8;
  // Debian's Abseil looks for cycles among gRPC's locks at every lock, as a debug build does: a twentieth of
  // a call.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Protobuf would write a line of its own to standard error for every malformed message that anybody sends.
  google::protobuf::SetLogHandler(nullptr);
  grpc::ServerBuilder& builder = *builder_;
  builder.SetOption(std::make_unique<NoPlugins>());
  builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  builder.AddListeningPort(options_.address, options_.credentials, &port_);
  if (options_.also_tls)
    builder.AddListeningPort(options_.also_tls->address, options_.also_tls->credentials, &also_port_);
  for (grpc::Service* service : services_) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(options_.max_request_bytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT,
                             0);  // or a taken port would go unnoticed; ServerTls needs it
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 24 * 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 60 * 60 * 1000);
  if (options_.bulk) {
    // It would guess the network's capacity and let each stream fill it, read or not: 29 MB of one that
    // stands still.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    // Or each 16 KiB of a message is a piece of its own, from the socket to OSS. No larger: so much of a
    // GOAWAY or of headers the library holds for whoever connects, before anybody is known.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 64 << 10);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, options_.bulk->lookahead_bytes);
    if (options_.bulk->fuse_bytes > 0)
      builder.SetResourceQuota(grpc::ResourceQuota("bulk").Resize(options_.bulk->fuse_bytes));
  }
  server_ = builder.BuildAndStart();
  builder_.reset();
  if (server_ == nullptr || port_ == 0 || (options_.also_tls && also_port_ == 0)) {
    DrainQueues();
    return Fail(absl::StatusCode::kUnavailable, "LISTEN_FAILED",
                "cannot listen on " + options_.address +
                    (options_.also_tls ? " and " + options_.also_tls->address : "") +
                    " for gRPC: the port is taken or the address not local");
  }
  for (auto& queue : queues_) {
    for (const auto& post : posts_) {
      for (int i = 0; i < kPostedPerMethod; ++i) post(*queue);
    }
    for (int i = 0; i < std::max(1, options_.threads); ++i)
      threads_.emplace_back([&queue = *queue] { queue.Run(); });
  }
  health_->serving = true;
  return absl::OkStatus();
}

void GrpcServer::AnnounceEnd() { health_->serving = false; }

void GrpcServer::Stop(std::chrono::milliseconds grace) {
  if (server_ == nullptr) return;
  AnnounceEnd();
  server_->Shutdown(std::chrono::system_clock::now() + grace);
  DrainQueues();
}

}  // namespace sluice::rpc
