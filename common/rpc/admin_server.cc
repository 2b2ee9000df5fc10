// SPDX-License-Identifier: Apache-2.0
#include "common/rpc/admin_server.h"

#include <google/protobuf/descriptor.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/impl/rpc_service_method.h>
#include <grpcpp/impl/server_builder_option.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>
#include <grpcpp/support/method_handler.h>
#include <unistd.h>

#include <algorithm>
#include <list>

#include "common/base/status.h"

namespace sluice::rpc {
namespace {

constexpr char kChannelz[] = "channelz_service";

// Exactly one of each. What else the process registered for every server stays out, and reflection, which its
// library registers by being loaded, comes in where that did not happen.
class AdminPlugins final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>> kept;
    kept.push_back(std::make_unique<grpc::reflection::ProtoServerReflectionPlugin>());
    const auto channelz = std::find_if(plugins->begin(), plugins->end(),
                                       [](const auto& plugin) { return plugin->name() == kChannelz; });
    if (channelz != plugins->end()) kept.push_back(std::move(*channelz));
    *plugins = std::move(kept);
  }
};

}  // namespace

// A service whose methods all answer that they are served elsewhere.
class AdminServer::Elsewhere final : public grpc::Service {
 public:
  Elsewhere(const google::protobuf::ServiceDescriptor& service, const std::string& served_at) {
    using Type = grpc::internal::RpcMethod::RpcType;
    for (int i = 0; i < service.method_count(); ++i) {
      const auto& method = *service.method(i);
      const Type type = method.client_streaming()
                            ? (method.server_streaming() ? Type::BIDI_STREAMING : Type::CLIENT_STREAMING)
                            : (method.server_streaming() ? Type::SERVER_STREAMING : Type::NORMAL_RPC);
      // gRPC keeps the pointer to the name, and owns the other two.
      names_.push_back("/" + service.full_name() + "/" + method.name());
      AddMethod(new grpc::internal::RpcServiceMethod(
          names_.back().c_str(), type,
          new grpc::internal::ErrorMethodHandler<grpc::StatusCode::UNIMPLEMENTED>(
              "the admin port only describes " + service.full_name() + "; call it on " + served_at)));
    }
  }

 private:
  std::list<std::string> names_;
};

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::vector<std::string>& services,
                                                                const std::string& served_at) {
  std::vector<std::unique_ptr<Elsewhere>> described;
  for (const std::string& name : services) {
    const auto* service = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(name);
    if (service == nullptr)
      return Fail(absl::StatusCode::kNotFound, "SERVICE_UNKNOWN", "no service " + name + " is compiled in");
    described.push_back(std::make_unique<Elsewhere>(*service, served_at));
  }
  return std::unique_ptr<AdminServer>(new AdminServer(std::move(described)));
}

bool AdminServer::OpenLocked() {
  if (stopped_) return false;
  if (server_ != nullptr) return true;
  grpc::EnableDefaultHealthCheckService(true);
  grpc::channelz::experimental::InitChannelzService();  // for every later builder; GrpcServer drops it
  grpc::ServerBuilder builder;
  builder.SetOption(std::make_unique<AdminPlugins>());
  for (const auto& service : services_) builder.RegisterService(service.get());
  // A reflection stream holds a thread for as long as it is open.
  builder.SetResourceQuota(grpc::ResourceQuota("admin").SetMaxThreads(16));
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetMaxReceiveMessageSize(64 * 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 8 * 1024);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 16);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 10 * 60 * 1000);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) return false;
  server_->GetHealthCheckService()->SetServingStatus(serving_);
  return true;
}

AdminServer::AdminServer(std::vector<std::unique_ptr<Elsewhere>> services) : services_(std::move(services)) {}
AdminServer::~AdminServer() { Stop(); }

void AdminServer::Take(int descriptor) {
  std::lock_guard lock(mutex_);
  if (OpenLocked()) {
    grpc::AddInsecureChannelFromFd(server_.get(), descriptor);
  } else {
    close(descriptor);
  }
}

void AdminServer::SetServing(bool serving) {
  std::lock_guard lock(mutex_);
  serving_ = serving;
  if (server_ != nullptr) server_->GetHealthCheckService()->SetServingStatus(serving);
}

void AdminServer::Stop() {
  std::unique_ptr<grpc::Server> server;
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
    server = std::move(server_);
  }
  if (server != nullptr) server->Shutdown(std::chrono::system_clock::now());
}

}  // namespace sluice::rpc
