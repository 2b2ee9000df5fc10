// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/cancel.h"
#include "common/base/deadline.h"
#include "common/base/secret_string.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::client {

struct TokenClientOptions {
  // `https://host:port` for TLS. `host:port` is plaintext and accepted for loopback addresses only.
  std::string address;
  // The caller's proof; empty to come as `anonymous`.
  SecretString jwt;
  // PEM of the authority behind the broker's certificate; the system's when empty. Only for TLS.
  std::string ca_file;
  // A ticket instead of a JWT; empty for none.
  SecretString ticket;
  // PEM of the caller's certificate and its key, for a broker that knows callers by theirs. Only for TLS.
  std::string client_cert_file;
  std::string client_key_file;
};

// What each request is answered with.
template <typename Request>
struct AnswerTo;
template <>
struct AnswerTo<token::v1::IssueTokenRequest> {
  using Type = token::v1::IssueTokenResponse;
};
template <>
struct AnswerTo<token::v1::SignUrlRequest> {
  using Type = token::v1::SignUrlResponse;
};
template <>
struct AnswerTo<token::v1::SignPostFormRequest> {
  using Type = token::v1::SignPostFormResponse;
};
template <>
struct AnswerTo<token::v1::PlanUploadRequest> {
  using Type = token::v1::PlanUploadResponse;
};
template <>
struct AnswerTo<token::v1::IssueTicketRequest> {
  using Type = token::v1::IssueTicketResponse;
};
template <>
struct AnswerTo<token::v1::ListGrantsRequest> {
  using Type = token::v1::ListGrantsResponse;
};
template <>
struct AnswerTo<token::v1::ExplainAccessRequest> {
  using Type = token::v1::ExplainAccessResponse;
};

// Asks a token broker. Thread-safe; does not connect before the first call.
//
// Errors are the broker's own, with its reason and metadata. When the broker did not speak:
// `INVALID_ARGUMENT` `REQUEST_TOO_LARGE`, `UNAVAILABLE` `BROKER_UNREACHABLE`, `DEADLINE_EXCEEDED`
// `BROKER_TIMEOUT`, `CANCELLED` `CALL_CANCELLED`.
//
// `done` runs exactly once, on the client's own thread, which must not be blocked and must not destroy the
// client. The form without `done` blocks for at most `deadline`, and must not be used on that thread.
// Destroying the client cancels the calls under way and waits until each has ended.
class TokenClient {
 public:
  template <typename Answer>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

  // Fails with `INVALID_ARGUMENT` and `BROKER_ADDRESS_INVALID`, `JWT_UNUSABLE`,
  // `CA_UNREADABLE` or `CERTIFICATE_UNREADABLE`.
  static absl::StatusOr<std::unique_ptr<TokenClient>> Make(const TokenClientOptions& options);
  // Another client of the same broker that comes with a ticket instead. Fails as Make does.
  absl::StatusOr<std::unique_ptr<TokenClient>> WithTicket(SecretString ticket) const;
  ~TokenClient();

  // One method of sluice.token.v1.TokenBroker, chosen by its request.
  template <typename Request>
  void Ask(const Request& request, Deadline deadline, CancelToken cancel,
           Done<typename AnswerTo<Request>::Type> done);
  template <typename Request>
  absl::StatusOr<typename AnswerTo<Request>::Type> Ask(const Request& request, Deadline deadline,
                                                       CancelToken cancel = {});

 private:
  struct Connection;
  TokenClient(TokenClientOptions options, std::unique_ptr<Connection> connection);
  const TokenClientOptions options_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice::client
