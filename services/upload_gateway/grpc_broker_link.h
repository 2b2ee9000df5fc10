// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/outgoing_calls.h"
#include "services/upload_gateway/broker_link.h"
#include "services/upload_gateway/config.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"

namespace sluice::gateway {

// A channel to the broker as `settings` say, over TLS with the gateway's own certificate, whose files are
// read again when they change. `INVALID_ARGUMENT` `TLS_FILES_INVALID` for files that cannot be read or do not
// belong together.
absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenBrokerChannel(const BrokerSettings& settings);

// BrokerLink over gRPC, on the queues of this service's own server.
class GrpcBrokerLink final : public BrokerLink {
 public:
  // `calls` must outlive it.
  GrpcBrokerLink(rpc::OutgoingCalls& calls, const std::shared_ptr<grpc::Channel>& channel);

  void IssueTicket(const token::v1::IssueTicketRequest& request, const Caller& caller, const CallFacts& call,
                   Done<token::v1::IssueTicketResponse> done) override;
  void SignUrl(const token::v1::SignUrlRequest& request, const SecretString& ticket, const CallFacts& call,
               Done<token::v1::SignUrlResponse> done) override;
  void IssueToken(const token::v1::IssueTokenRequest& request, const SecretString& ticket,
                  const CallFacts& call, Done<token::v1::IssueTokenResponse> done) override;

 private:
  rpc::OutgoingCalls& calls_;
  const std::unique_ptr<token::v1::TokenBroker::Stub> stub_;
};

}  // namespace sluice::gateway
