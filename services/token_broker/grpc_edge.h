// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "common/rpc/grpc_server.h"
#include "services/token_broker/api.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"

namespace sluice::broker {

// Offers the api's methods on a gRPC server. Translates nothing but the call.
class GrpcEdge {
 public:
  // Before the server's Start.
  GrpcEdge(ApiSource source, rpc::GrpcServer& server);

 private:
  using Broker = token::v1::TokenBroker;
  using Tokens = Broker::WithRawMethod_IssueToken<
      Broker::WithRawMethod_ExplainAccess<Broker::WithRawMethod_ListGrants<Broker::Service>>>;
  Broker::WithRawMethod_SignUrl<Broker::WithRawMethod_SignPostForm<
      Broker::WithRawMethod_PlanUpload<Broker::WithRawMethod_IssueTicket<Tokens>>>>
      service_;
};

}  // namespace sluice::broker
