// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/grpc_broker_link.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <utility>

#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "common/http/tls_files.h"

namespace sluice::gateway {
namespace {

using token::v1::TokenBroker;

constexpr unsigned kReadAgainSeconds = 10;

// The caller's trace goes on, with a span of this hop's own.
std::string TraceParent(const std::string& trace_id) {
  return "00-" + trace_id + "-" + crypto::HexLower(crypto::RandomBytes(8)) + "-01";
}

// What the library says by itself, without a reason, is about the way there.
template <typename T>
BrokerLink::Done<T> WithReason(BrokerLink::Done<T> done) {
  return [done = std::move(done)](absl::StatusOr<T> answer) mutable {
    const absl::Status status = answer.status();
    if (status.ok() || !Reason(status).empty() || absl::IsCancelled(status)) return done(std::move(answer));
    done(Fail(absl::StatusCode::kUnavailable, "BROKER_UNREACHABLE",
              "the token broker, which says who may upload, does not answer; try again")
             .RetryAfter(std::chrono::seconds(1)));
  };
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenBrokerChannel(const BrokerSettings& settings) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2'000);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  if (settings.cert_file.empty())
    return grpc::CreateCustomChannel(settings.address, grpc::InsecureChannelCredentials(), arguments);
  // gRPC itself would take bad files and then refuse every handshake.
  RETURN_IF_ERROR(http::ReadTlsFiles({settings.cert_file, settings.key_file, settings.ca_file}).status());
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      settings.key_file, settings.cert_file, settings.ca_file, kReadAgainSeconds));
  options.watch_identity_key_cert_pairs();
  if (!settings.ca_file.empty()) options.watch_root_certs();
  if (!settings.server_name.empty()) arguments.SetSslTargetNameOverride(settings.server_name);
  return grpc::CreateCustomChannel(settings.address, grpc::experimental::TlsCredentials(options), arguments);
}

GrpcBrokerLink::GrpcBrokerLink(rpc::OutgoingCalls& calls, const std::shared_ptr<grpc::Channel>& channel)
    : calls_(calls), stub_(TokenBroker::NewStub(channel)) {}

void GrpcBrokerLink::IssueTicket(const token::v1::IssueTicketRequest& request, const Caller& caller,
                                 const CallFacts& call, Done<token::v1::IssueTicketResponse> done) {
  rpc::OutgoingCalls::Metadata metadata{{"traceparent", TraceParent(call.trace_id)},
                                        {"x-forwarded-for", caller.peer},
                                        {"x-forwarded-proto", caller.tls ? "https" : "http"}};
  if (!caller.authorization.empty()) metadata.emplace_back("authorization", caller.authorization);
  calls_.Call(*stub_, &TokenBroker::Stub::PrepareAsyncIssueTicket, request, std::move(metadata),
              call.deadline, call.cancel, WithReason(std::move(done)));
}

void GrpcBrokerLink::SignUrl(const token::v1::SignUrlRequest& request, const SecretString& ticket,
                             const CallFacts& call, Done<token::v1::SignUrlResponse> done) {
  calls_.Call(*stub_, &TokenBroker::Stub::PrepareAsyncSignUrl, request,
              {{"traceparent", TraceParent(call.trace_id)}, {"x-sluice-ticket", ticket.Reveal()}},
              call.deadline, call.cancel, WithReason(std::move(done)));
}

void GrpcBrokerLink::IssueToken(const token::v1::IssueTokenRequest& request, const SecretString& ticket,
                                const CallFacts& call, Done<token::v1::IssueTokenResponse> done) {
  calls_.Call(*stub_, &TokenBroker::Stub::PrepareAsyncIssueToken, request,
              {{"traceparent", TraceParent(call.trace_id)}, {"x-sluice-ticket", ticket.Reveal()}},
              call.deadline, call.cancel, WithReason(std::move(done)));
}

}  // namespace sluice::gateway
