// SPDX-License-Identifier: Apache-2.0
// A race on purpose: two completion queues of a real server count in one plain integer. Run under the
// suppressions of the other tests, it shows that they hide none of ours: the group fails unless this is
// reported.
#include <iostream>
#include <thread>

#include "common/rpc/grpc_server.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"

int main() {
  using namespace sluice;  // NOLINT(google-build-using-namespace): a program of one page
  using token::v1::IssueTokenRequest;
  using token::v1::IssueTokenResponse;
  using token::v1::TokenBroker;
  using Service = TokenBroker::WithRawMethod_IssueToken<TokenBroker::AsyncService>;

  Service service;
  int planted = 0;
  rpc::GrpcServer server({"127.0.0.1:0", grpc::InsecureServerCredentials(), false, 2, 64 * 1024});
  server.AddService(service);
  server.AddMethod<IssueTokenRequest, IssueTokenResponse, Service>(
      service, &Service::RequestIssueToken,
      [&](const IssueTokenRequest&, const rpc::CallContext&, auto done) {
        ++planted;
        done(IssueTokenResponse());
      });
  if (!server.Start().ok()) return 2;
  const auto ask = [&] {
    const auto stub = TokenBroker::NewStub(grpc::CreateChannel("127.0.0.1:" + std::to_string(server.port()),
                                                               grpc::InsecureChannelCredentials()));
    for (int i = 0; i < 500; ++i) {
      grpc::ClientContext context;
      IssueTokenResponse answer;
      if (!stub->IssueToken(&context, {}, &answer).ok()) return;
    }
  };
  std::thread one(ask);
  std::thread two(ask);
  one.join();
  two.join();
  server.Stop(std::chrono::seconds(1));
  std::cout << "counted " << planted << "\n";
  return 0;
}
