// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/grpc_edge.h"

namespace sluice::broker {

GrpcEdge::GrpcEdge(ApiSource source, rpc::GrpcServer& server) {
  using Service = decltype(service_);
  server.AddService(service_);
  // One method of the service onto the one of the same name in the Api.
  const auto add = [&]<typename Request, typename Answer>(
                       rpc::GrpcServer::Ask<Service> ask,
                       void (Api::*method)(Request, rpc::CallContext, Api::Done<Answer>),
                       rpc::Shortcut shortcut = nullptr) {
    server.AddMethod<Request, Answer, Service>(
        service_, ask,
        [source, method](const Request& request, rpc::CallContext context, auto done) {
          const std::shared_ptr<Api> api = source();
          context.keepalive = api;
          ((*api).*method)(request, std::move(context), std::move(done));
        },
        std::move(shortcut));
  };
  add(&Service::RequestIssueToken, &Api::IssueToken,
      [source](rpc::Arrival& call) { return source()->TryIssueToken(call); });
  add(&Service::RequestSignUrl, &Api::SignUrl);
  add(&Service::RequestSignPostForm, &Api::SignPostForm);
  add(&Service::RequestPlanUpload, &Api::PlanUpload);
  add(&Service::RequestIssueTicket, &Api::IssueTicket);
  add(&Service::RequestListGrants, &Api::ListGrants);
  add(&Service::RequestExplainAccess, &Api::ExplainAccess);
}

}  // namespace sluice::broker
