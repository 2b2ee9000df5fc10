// SPDX-License-Identifier: Apache-2.0
// A race on purpose: a real server's handler and a thread beside it count in one plain integer. Run under
// all that the other tests are run under, it shows that none of it hides a race of ours: the group fails
// unless this one is reported, in this file.
#include <atomic>
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
  std::atomic<bool> over = false;
  std::thread beside([&] {
    while (!over.load(std::memory_order_relaxed)) {
      ++planted;
      std::this_thread::yield();
    }
  });
  const auto stub = TokenBroker::NewStub(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(server.port()), grpc::InsecureChannelCredentials()));
  bool answered = true;
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    IssueTokenResponse answer;
    answered = stub->IssueToken(&context, {}, &answer).ok() && answered;
  }
  over = true;
  beside.join();
  server.Stop(std::chrono::seconds(1));
  std::cout << "counted " << planted << "\n";
  return answered ? 0 : 2;
}
