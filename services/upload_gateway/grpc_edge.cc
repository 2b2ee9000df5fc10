// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/grpc_edge.h"

namespace sluice::gateway {

GrpcEdge::GrpcEdge(Api& api, rpc::GrpcServer& server) {
  using Service = decltype(service_);
  server.AddService(service_);
  const auto add = [&]<typename Request, typename Answer>(
                       rpc::GrpcServer::Ask<Service> ask,
                       void (Api::*method)(Request, rpc::CallContext, Api::Done<Answer>)) {
    server.AddMethod<Request, Answer, Service>(
        service_, ask, [&api, method](const Request& request, rpc::CallContext context, auto done) {
          (api.*method)(request, std::move(context), std::move(done));
        });
  };
  add(&Service::RequestStartUpload, &Api::StartUpload);
  add(&Service::RequestGetUpload, &Api::GetUpload);
  add(&Service::RequestAbortUpload, &Api::AbortUpload);
  server.AddStream<Service>(
      service_, &Service::RequestUpload,
      [&api](std::shared_ptr<rpc::ByteStream> stream) { api.Upload(std::move(stream)); });
}

}  // namespace sluice::gateway
