// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/rpc/grpc_server.h"
#include "services/upload_gateway/api.h"
#include "sluice/upload/v1/upload_gateway.grpc.pb.h"

namespace sluice::gateway {

// Puts the Api behind a gRPC server. Must outlive it.
class GrpcEdge {
 public:
  // Before the server starts; `api` must outlive the server.
  GrpcEdge(Api& api, rpc::GrpcServer& server);

 private:
  using Proto = upload::v1::UploadGateway;
  Proto::WithRawMethod_StartUpload<Proto::WithRawMethod_Upload<
      Proto::WithRawMethod_GetUpload<Proto::WithRawMethod_AbortUpload<Proto::Service>>>>
      service_;
};

}  // namespace sluice::gateway
