// SPDX-License-Identifier: Apache-2.0
#include "clients/cpp/token_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/cord.h"
#include "clients/cpp/broker_address.h"
#include "clients/cpp/route_hint.h"
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
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
      // Of gRPC itself: a limit on sizes, which waiting does not mend. The broker's own comes with a reason.
      return Fail(absl::StatusCode::kInvalidArgument, "REQUEST_TOO_LARGE",
                  "the request or the JWT is larger than the broker takes (" + from.error_message() + ")");
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

// A completion queue of its own rather than gRPC's callback threads: those end when the last channel goes,
// and 1.51 cannot have that happen on one of themselves, where the end of a call would otherwise take it.
struct TokenClient::Connection {
  Connection(std::string address, SecretString proof, SecretString given,
             const std::shared_ptr<grpc::Channel>& channel)
      : broker(std::move(address)),
        jwt(std::move(proof)),
        ticket(std::move(given)),
        route(RouteHint(jwt.empty() ? ticket.Reveal() : jwt.Reveal())),
        stub(token::v1::TokenBroker::NewStub(channel)) {
    thread = std::thread([this] {
      void* tag = nullptr;
      for (bool ok = false; queue.Next(&tag, &ok);) {
        const std::unique_ptr<Flight> ended(static_cast<Flight*>(tag));
        in_flight->Remove(ended->number);
        ended->Finish(broker);
      }
    });
  }
  ~Connection() {
    in_flight->CancelAll();
    queue.Shutdown();
    thread.join();
  }

  // One call; the queue gives it back when it has ended.
  struct Flight {
    virtual ~Flight() = default;
    virtual void Finish(const std::string& target) = 0;
    grpc::ClientContext context;
    grpc::Status status;
    uint64_t number = 0;
  };
  // What may still be cancelled. Thread-safe.
  class InFlight {
   public:
    uint64_t Add(Flight& flight) {
      std::lock_guard lock(mutex_);
      flights_[++last_] = &flight;
      flight.number = last_;
      return last_;
    }
    void Remove(uint64_t number) {
      std::lock_guard lock(mutex_);
      flights_.erase(number);
    }
    void Cancel(uint64_t number) {
      std::lock_guard lock(mutex_);
      const auto found = flights_.find(number);
      if (found != flights_.end()) found->second->context.TryCancel();
    }
    void CancelAll() {
      std::lock_guard lock(mutex_);
      for (auto& [number, flight] : flights_) flight->context.TryCancel();
    }

   private:
    std::mutex mutex_;
    std::map<uint64_t, Flight*> flights_;  // guarded by mutex_, as is last_
    uint64_t last_ = 0;
  };
  template <typename Answer>
  struct TypedFlight final : Flight {
    void Finish(const std::string& target) override {
      if (status.ok()) {
        done(std::move(answer));
      } else {
        done(FromGrpc(status, target));
      }
    }
    Answer answer;
    Done<Answer> done;
    std::unique_ptr<grpc::ClientAsyncResponseReader<Answer>> reader;
  };

  template <typename Request, typename Answer>
  void Call(std::unique_ptr<grpc::ClientAsyncResponseReader<Answer>> (token::v1::TokenBroker::Stub::*method)(
                grpc::ClientContext*, const Request&, grpc::CompletionQueue*),
            const Request& request, Deadline deadline, const CancelToken& cancel, Done<Answer> done) {
    auto* flight = new TypedFlight<Answer>();
    flight->done = std::move(done);
    flight->context.set_deadline(std::chrono::system_clock::now() + deadline.Left());
    if (!jwt.empty()) flight->context.AddMetadata("authorization", "Bearer " + jwt.Reveal());
    if (!ticket.empty()) flight->context.AddMetadata("x-sluice-ticket", ticket.Reveal());
    if (!route.empty()) flight->context.AddMetadata(kRouteHeader, route);
    flight->reader = (stub.get()->*method)(&flight->context, request, &queue);
    // Known before it can end, and ended only by the queue.
    const uint64_t number = in_flight->Add(*flight);
    flight->reader->Finish(&flight->answer, &flight->status, static_cast<Flight*>(flight));
    // By number: the flight may be gone long before the token is cancelled.
    cancel.OnCancel([weak = std::weak_ptr<InFlight>(in_flight), number] {
      if (const auto alive = weak.lock()) alive->Cancel(number);
    });
  }

  const std::string broker;
  const SecretString jwt;
  const SecretString ticket;
  const std::string route;
  const std::unique_ptr<token::v1::TokenBroker::Stub> stub;
  grpc::CompletionQueue queue;
  const std::shared_ptr<InFlight> in_flight = std::make_shared<InFlight>();
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<TokenClient>> TokenClient::Make(const TokenClientOptions& options) {
  ASSIGN_OR_RETURN(BrokerAddress address, ParseBrokerAddress(options.address));
  if (!FitsHeader(options.jwt.Reveal()) || !FitsHeader(options.ticket.Reveal())) {
    return Fail(absl::StatusCode::kInvalidArgument, "JWT_UNUSABLE",
                "the JWT or ticket holds spaces, line breaks or other bytes that neither has; give it alone");
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
    if (!options.client_cert_file.empty()) {
      tls.pem_cert_chain = ReadFile(options.client_cert_file).value_or("");
      tls.pem_private_key = ReadFile(options.client_key_file).value_or("");
      if (tls.pem_cert_chain.empty() || tls.pem_private_key.empty()) {
        return Fail(absl::StatusCode::kInvalidArgument, "CERTIFICATE_UNREADABLE",
                    "cannot read the client certificate or its key");
      }
    }
    credentials = grpc::SslCredentials(tls);
  }
  grpc::ChannelArguments arguments;
  // A proxy has no business between this process and its own machine.
  if (!address.tls) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto connection =
      std::make_unique<Connection>(address.target, options.jwt, options.ticket,
                                   grpc::CreateCustomChannel(address.target, credentials, arguments));
  return std::unique_ptr<TokenClient>(new TokenClient(options, std::move(connection)));
}

absl::StatusOr<std::unique_ptr<TokenClient>> TokenClient::WithTicket(SecretString ticket) const {
  TokenClientOptions options = options_;
  options.jwt = SecretString();
  options.ticket = std::move(ticket);
  return Make(options);
}

TokenClient::TokenClient(TokenClientOptions options, std::unique_ptr<Connection> connection)
    : options_(std::move(options)), connection_(std::move(connection)) {}
TokenClient::~TokenClient() = default;

namespace {

using Stub = token::v1::TokenBroker::Stub;

// The stub's method for a request.
constexpr auto MethodFor(const token::v1::IssueTokenRequest*) { return &Stub::AsyncIssueToken; }
constexpr auto MethodFor(const token::v1::SignUrlRequest*) { return &Stub::AsyncSignUrl; }
constexpr auto MethodFor(const token::v1::SignPostFormRequest*) { return &Stub::AsyncSignPostForm; }
constexpr auto MethodFor(const token::v1::PlanUploadRequest*) { return &Stub::AsyncPlanUpload; }
constexpr auto MethodFor(const token::v1::IssueTicketRequest*) { return &Stub::AsyncIssueTicket; }
constexpr auto MethodFor(const token::v1::ListGrantsRequest*) { return &Stub::AsyncListGrants; }
constexpr auto MethodFor(const token::v1::ExplainAccessRequest*) { return &Stub::AsyncExplainAccess; }

}  // namespace

template <typename Request>
void TokenClient::Ask(const Request& request, Deadline deadline, CancelToken cancel,
                      Done<typename AnswerTo<Request>::Type> done) {
  connection_->Call(MethodFor(&request), request, deadline, cancel, std::move(done));
}

template <typename Request>
absl::StatusOr<typename AnswerTo<Request>::Type> TokenClient::Ask(const Request& request, Deadline deadline,
                                                                  CancelToken cancel) {
  return Wait<typename AnswerTo<Request>::Type>(
      [&](auto done) { Ask(request, deadline, std::move(cancel), std::move(done)); });
}

#define SLUICE_ASK(Request)                                                                             \
  template void TokenClient::Ask(const Request&, Deadline, CancelToken, Done<AnswerTo<Request>::Type>); \
  template absl::StatusOr<AnswerTo<Request>::Type> TokenClient::Ask(const Request&, Deadline, CancelToken)
SLUICE_ASK(token::v1::IssueTokenRequest);
SLUICE_ASK(token::v1::SignUrlRequest);
SLUICE_ASK(token::v1::SignPostFormRequest);
SLUICE_ASK(token::v1::PlanUploadRequest);
SLUICE_ASK(token::v1::IssueTicketRequest);
SLUICE_ASK(token::v1::ListGrantsRequest);
SLUICE_ASK(token::v1::ExplainAccessRequest);
#undef SLUICE_ASK

}  // namespace sluice::client
