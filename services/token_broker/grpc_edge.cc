// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/grpc_edge.h"

namespace sluice::broker {

using token::v1::ExplainAccessRequest;
using token::v1::ExplainAccessResponse;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;

GrpcEdge::GrpcEdge(Api& api, rpc::GrpcServer& server) {
  using Service = decltype(service_);
  server.AddService(service_);
  server.AddMethod<IssueTokenRequest, IssueTokenResponse, Service>(
      service_, &Service::RequestIssueToken,
      [&api](const IssueTokenRequest& request, rpc::CallContext context, auto done) {
        api.IssueToken(request, context, std::move(done));
      });
  server.AddMethod<ExplainAccessRequest, ExplainAccessResponse, Service>(
      service_, &Service::RequestExplainAccess,
      [&api](const ExplainAccessRequest& request, rpc::CallContext context, auto done) {
        api.ExplainAccess(request, context, std::move(done));
      });
}

}  // namespace sluice::broker
