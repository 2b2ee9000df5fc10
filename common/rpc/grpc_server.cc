// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/grpc_server.h"

#include <google/protobuf/stubs/logging.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/impl/server_builder_option.h>

#include <algorithm>
#include <thread>

#include "common/base/status.h"

namespace sluice::rpc {
namespace internal {

void CallCount::Add() {
  std::lock_guard lock(mutex_);
  ++count_;
}

void CallCount::Remove() {
  std::lock_guard lock(mutex_);
  if (--count_ == 0) zero_.notify_all();
}

void CallCount::AwaitZero() {
  std::unique_lock lock(mutex_);
  zero_.wait(lock, [&] { return count_ == 0; });
}

absl::Status MalformedRequest() {
  return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_MALFORMED",
              "the request is not a message of this method; generate the stubs again from proto/");
}

CallContext ContextOf(const grpc::ServerContext& context, bool tls, CancelToken cancel) {
  CallContext out;
  out.peer = AddressOf(context.peer());
  out.tls = tls;
  out.cancel = std::move(cancel);
  out.request_id = NewRequestId();
  const auto& metadata = context.client_metadata();
  const auto text = [](grpc::string_ref value) { return std::string_view(value.data(), value.size()); };
  // Two proofs are no proof: joined, they are malformed.
  const auto joined = [&](const char* name) {
    std::string all;
    const auto [first, last] = metadata.equal_range(name);
    for (auto at = first; at != last; ++at) {
      if (at != first) all += ',';
      all += text(at->second);
    }
    return all;
  };
  out.authorization = joined("authorization");
  out.ticket = joined("x-sluice-ticket");
  out.forwarded_for = joined("x-forwarded-for");
  out.forwarded_proto = joined("x-forwarded-proto");
  const auto peer = context.auth_context();
  if (peer != nullptr && peer->IsPeerAuthenticated()) {
    const auto certificates = peer->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    if (certificates.size() == 1) out.client_certificate = text(certificates.front());
  }
  const auto parent = metadata.find("traceparent");
  out.trace_id = TraceIdOf(parent == metadata.end() ? std::string_view() : text(parent->second));
  const auto left = context.deadline() - std::chrono::system_clock::now();
  if (left < std::chrono::seconds(10))
    out.deadline = Deadline::After(std::chrono::duration_cast<std::chrono::milliseconds>(left));
  return out;
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

// The server goes before its queues.
struct GrpcServer::Running {
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  std::vector<std::thread> threads;
  std::unique_ptr<grpc::Server> server;
};

GrpcServer::GrpcServer(GrpcServerOptions options) : options_(std::move(options)) {}
GrpcServer::~GrpcServer() { Stop(std::chrono::milliseconds(0)); }

absl::Status GrpcServer::Start() {
  // Enough that a burst finds calls waiting; each is a few hundred bytes.
  constexpr int kPostedPerMethod = 128;
  grpc::EnableDefaultHealthCheckService(true);
  // Protobuf would write a line of its own to standard error for every malformed message that anybody sends.
  google::protobuf::SetLogHandler(nullptr);
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<NoPlugins>());
  builder.AddListeningPort(options_.address, options_.credentials, &port_);
  for (grpc::Service* service : services_) builder.RegisterService(service);
  builder.SetMaxReceiveMessageSize(options_.max_request_bytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT,
                             0);  // or a taken port would go unnoticed; ServerTls needs it
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 24 * 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, 60 * 60 * 1000);
  auto running = std::make_unique<Running>();
  const unsigned wanted = options_.queues > 0 ? static_cast<unsigned>(options_.queues)
                                              : std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < wanted; ++i) running->queues.push_back(builder.AddCompletionQueue());
  running->server = builder.BuildAndStart();
  if (running->server == nullptr || port_ == 0) {
    for (auto& queue : running->queues) {
      queue->Shutdown();
      void* tag = nullptr;
      for (bool ok = false; queue->Next(&tag, &ok);) {
      }
    }
    return Fail(
        absl::StatusCode::kUnavailable, "LISTEN_FAILED",
        "cannot listen on " + options_.address + " for gRPC: the port is taken or the address not local");
  }
  for (auto& queue : running->queues) {
    for (const auto& post : posts_) {
      for (int i = 0; i < kPostedPerMethod; ++i) post(*queue);
    }
    running->threads.emplace_back([&queue = *queue] {
      void* tag = nullptr;
      for (bool ok = false; queue.Next(&tag, &ok);) static_cast<internal::Tag*>(tag)->Proceed(ok);
    });
  }
  running_ = std::move(running);
  return absl::OkStatus();
}

void GrpcServer::AnnounceEnd() {
  if (running_ == nullptr) return;
  if (auto* health = running_->server->GetHealthCheckService()) health->Shutdown();
}

void GrpcServer::Stop(std::chrono::milliseconds grace) {
  if (running_ == nullptr) return;
  AnnounceEnd();
  running_->server->Shutdown(std::chrono::system_clock::now() + grace);
  calls_.AwaitZero();  // a queue must not be shut down while a call may still answer into it
  for (auto& queue : running_->queues) queue->Shutdown();
  for (auto& thread : running_->threads) thread.join();
  running_.reset();
}

}  // namespace sluice::rpc
