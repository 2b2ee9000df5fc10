// SPDX-License-Identifier: Apache-2.0
// The floor that the broker is measured against: the cheapest server that gRPC C++ 1.51 allows here,
// answering IssueToken with one constant message. One completion queue, one thread, typed messages, calls
// posted ahead and used again; it reads neither the request nor the bearer.
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/end_signal.h"
#include "common/base/file.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"

namespace sluice::bench {
namespace {

using Service = token::v1::TokenBroker::WithAsyncMethod_IssueToken<token::v1::TokenBroker::Service>;

// What gRPC needs of one call.
struct Live {
  grpc::ServerContext context;
  token::v1::IssueTokenRequest request;
  grpc::ServerAsyncResponseWriter<token::v1::IssueTokenResponse> writer{&context};
};

// One call, then the next one in the same place.
class Call {
 public:
  Call(Service& service, grpc::ServerCompletionQueue& queue, const token::v1::IssueTokenResponse& answer)
      : service_(service), queue_(queue), answer_(answer) {
    Post();
  }

  // False when the server is going down.
  bool Proceed(bool ok) {
    if (!answering_ && !ok) return false;
    answering_ = !answering_;
    if (answering_) {
      live_->writer.Finish(answer_, grpc::Status::OK, this);
    } else {
      Post();
    }
    return true;
  }

 private:
  void Post() {
    live_.emplace();
    service_.RequestIssueToken(&live_->context, &live_->request, &live_->writer, &queue_, &queue_, this);
  }

  Service& service_;
  grpc::ServerCompletionQueue& queue_;
  const token::v1::IssueTokenResponse& answer_;
  std::optional<Live> live_;
  bool answering_ = false;
};

std::shared_ptr<grpc::ServerCredentials> Credentials(const std::string& certificate, const std::string& key) {
  if (certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({ReadFile(key).value_or(""), ReadFile(certificate).value_or("")});
  return grpc::SslServerCredentials(options);
}

int Serve(const std::string& address, const std::string& certificate, const std::string& key,
          const std::string& answer_file, const std::string& ports_file) {
  constexpr int kPosted = 64;  // as many as it serves at once; more are slower, see GrpcServer::Start
  // As the broker does.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  token::v1::IssueTokenResponse answer;
  if (!answer.ParseFromString(ReadFile(answer_file).value_or("")) || !answer.has_credentials()) {
    std::cerr << "bench-echo: " << answer_file << " is no IssueTokenResponse\n";
    return 2;
  }
  const EndSignal end;
  Service service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(address, Credentials(certificate, key), &port);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&service);
  const auto queue = builder.AddCompletionQueue();
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::cerr << "bench-echo: cannot listen on " << address << "\n";
    return 1;
  }
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < kPosted; ++i) calls.push_back(std::make_unique<Call>(service, *queue, answer));
  std::thread worker([&queue] {
    void* tag = nullptr;
    for (bool ok = false; queue->Next(&tag, &ok);) static_cast<Call*>(tag)->Proceed(ok);
  });
  if (!WriteFileWhole(ports_file, "{\"grpc\":" + std::to_string(port) + "}\n")) {
    std::cerr << "bench-echo: cannot write " << ports_file << "\n";
    return 1;
  }
  end.Await();
  server->Shutdown(std::chrono::system_clock::now());
  queue->Shutdown();
  worker.join();
  return 0;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  CLI::App app("Answers IssueToken with one constant message: the floor of the broker's benchmark.");
  std::string address = "127.0.0.1:0";
  std::string certificate;
  std::string key;
  std::string answer;
  std::string ports;
  app.add_option("--address", address, "host:port; port 0 takes a free one")->capture_default_str();
  app.add_option("--cert", certificate, "PEM of the certificate; plaintext without it");
  app.add_option("--key", key, "PEM of its key");
  app.add_option("--answer", answer, "file with a serialised IssueTokenResponse")->required();
  app.add_option("--ports-file", ports, "where to write the port as JSON once ready")->required();
  CLI11_PARSE(app, argc, argv);
  return sluice::bench::Serve(address, certificate, key, answer, ports);
}
