// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/token_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/cord.h"
#include "clients/cpp/broker_address.h"
#include "common/base/file.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "google/rpc/status.pb.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"

namespace sluice::client {
namespace {

// The broker's status with its details as payloads, which is where Reason() and RetryDelay() look.
absl::Status FromGrpc(const grpc::Status& from, const std::string& target) {
  absl::Status status(static_cast<absl::StatusCode>(from.error_code()), from.error_message());
  google::rpc::Status details;
  if (details.ParseFromString(from.error_details())) {
    for (const auto& detail : details.details())
      status.SetPayload(detail.type_url(), absl::Cord(detail.value()));
  }
  if (!Reason(status).empty()) return status;
  switch (from.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return Fail(status.code(), "BROKER_UNREACHABLE",
                  "the broker at " + target + " cannot be reached (" + from.error_message() +
                      "); check the address and that it runs");
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Fail(status.code(), "BROKER_TIMEOUT",
                  "the broker at " + target + " did not answer in time; try again");
    case grpc::StatusCode::CANCELLED:
      return Fail(status.code(), "CALL_CANCELLED", "the call was cancelled");
    default:
      return status;
  }
}

// gRPC aborts the process on a header value it cannot send, so it is judged first.
bool FitsHeader(const std::string& jwt) {
  return jwt.size() <= 64 * 1024 &&
         std::all_of(jwt.begin(), jwt.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

template <typename Answer>
absl::StatusOr<Answer> Wait(absl::AnyInvocable<void(TokenClient::Done<Answer>)> start) {
  auto promise = std::make_shared<std::promise<absl::StatusOr<Answer>>>();
  auto future = promise->get_future();
  start([promise](absl::StatusOr<Answer> answer) { promise->set_value(std::move(answer)); });
  return future.get();
}

}  // namespace

struct TokenClient::Connection {
  std::string target;
  SecretString jwt;
  std::unique_ptr<token::v1::TokenBroker::Stub> stub;

  template <typename Request, typename Answer>
  void Call(void (token::v1::TokenBroker::Stub::async::*method)(grpc::ClientContext*, const Request*, Answer*,
                                                                std::function<void(grpc::Status)>),
            Request request, Deadline deadline, const CancelToken& cancel, Done<Answer> done) {
    struct Flight {
      grpc::ClientContext context;
      Request request;
      Answer answer;
      Done<Answer> done;
    };
    auto flight = std::make_shared<Flight>();
    flight->request = std::move(request);
    flight->done = std::move(done);
    flight->context.set_deadline(std::chrono::system_clock::now() + deadline.Left());
    if (!jwt.empty()) flight->context.AddMetadata("authorization", "Bearer " + jwt.Reveal());
    (stub->async()->*method)(&flight->context, &flight->request, &flight->answer,
                             [flight, target = target](const grpc::Status& status) {
                               auto finish = std::move(flight->done);
                               if (status.ok()) {
                                 finish(std::move(flight->answer));
                               } else {
                                 finish(FromGrpc(status, target));
                               }
                             });
    cancel.OnCancel([weak = std::weak_ptr<Flight>(flight)] {
      if (auto alive = weak.lock()) alive->context.TryCancel();
    });
  }
};

absl::StatusOr<std::unique_ptr<TokenClient>> TokenClient::Make(const TokenClientOptions& options) {
  ASSIGN_OR_RETURN(BrokerAddress address, ParseBrokerAddress(options.address));
  if (!FitsHeader(options.jwt.Reveal())) {
    return Fail(absl::StatusCode::kInvalidArgument, "JWT_UNUSABLE",
                "the JWT holds spaces, line breaks or other bytes that no JWT has; give the token alone");
  }
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  if (address.tls) {
    grpc::SslCredentialsOptions tls;
    if (!options.ca_file.empty()) {
      tls.pem_root_certs = ReadFile(options.ca_file).value_or("");
      if (tls.pem_root_certs.empty()) {
        return Fail(absl::StatusCode::kInvalidArgument, "CA_UNREADABLE",
                    "cannot read the CA file \"" + options.ca_file + "\"");
      }
    }
    credentials = grpc::SslCredentials(tls);
  }
  grpc::ChannelArguments arguments;
  // A proxy has no business between this process and its own machine.
  if (!address.tls) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto connection = std::make_unique<Connection>();
  connection->target = address.target;
  connection->jwt = options.jwt;
  connection->stub =
      token::v1::TokenBroker::NewStub(grpc::CreateCustomChannel(address.target, credentials, arguments));
  return std::unique_ptr<TokenClient>(new TokenClient(std::move(connection)));
}

TokenClient::TokenClient(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
TokenClient::~TokenClient() = default;

void TokenClient::IssueToken(token::v1::IssueTokenRequest request, Deadline deadline, CancelToken cancel,
                             Done<token::v1::IssueTokenResponse> done) {
  connection_->Call(&token::v1::TokenBroker::Stub::async::IssueToken, std::move(request), deadline, cancel,
                    std::move(done));
}

absl::StatusOr<token::v1::IssueTokenResponse> TokenClient::IssueToken(token::v1::IssueTokenRequest request,
                                                                      Deadline deadline, CancelToken cancel) {
  return Wait<token::v1::IssueTokenResponse>(
      [&](auto done) { IssueToken(std::move(request), deadline, std::move(cancel), std::move(done)); });
}

void TokenClient::ExplainAccess(token::v1::ExplainAccessRequest request, Deadline deadline,
                                CancelToken cancel, Done<token::v1::ExplainAccessResponse> done) {
  connection_->Call(&token::v1::TokenBroker::Stub::async::ExplainAccess, std::move(request), deadline, cancel,
                    std::move(done));
}

absl::StatusOr<token::v1::ExplainAccessResponse> TokenClient::ExplainAccess(
    token::v1::ExplainAccessRequest request, Deadline deadline, CancelToken cancel) {
  return Wait<token::v1::ExplainAccessResponse>(
      [&](auto done) { ExplainAccess(std::move(request), deadline, std::move(cancel), std::move(done)); });
}

}  // namespace sluice::client
