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
};

// Asks a token broker. Thread-safe; does not connect before the first call.
//
// Errors are the broker's own, with its reason and metadata. When the broker did not speak:
// `INVALID_ARGUMENT` `REQUEST_TOO_LARGE`, `UNAVAILABLE` `BROKER_UNREACHABLE`, `DEADLINE_EXCEEDED`
// `BROKER_TIMEOUT`, `CANCELLED` `CALL_CANCELLED`.
//
// `done` runs exactly once, on the client's own thread, which must not be blocked and must not destroy the
// client. The forms without `done` block for at most `deadline`, and must not be used on that thread.
// Destroying the client cancels the calls under way and waits until each has ended.
class TokenClient {
 public:
  template <typename Answer>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

  // Fails with `INVALID_ARGUMENT` and `BROKER_ADDRESS_INVALID`, `JWT_UNUSABLE` or `CA_UNREADABLE`.
  static absl::StatusOr<std::unique_ptr<TokenClient>> Make(const TokenClientOptions& options);
  ~TokenClient();

  void IssueToken(token::v1::IssueTokenRequest request, Deadline deadline, CancelToken cancel,
                  Done<token::v1::IssueTokenResponse> done);
  absl::StatusOr<token::v1::IssueTokenResponse> IssueToken(token::v1::IssueTokenRequest request,
                                                           Deadline deadline, CancelToken cancel = {});

  void ExplainAccess(token::v1::ExplainAccessRequest request, Deadline deadline, CancelToken cancel,
                     Done<token::v1::ExplainAccessResponse> done);
  absl::StatusOr<token::v1::ExplainAccessResponse> ExplainAccess(token::v1::ExplainAccessRequest request,
                                                                 Deadline deadline, CancelToken cancel = {});

 private:
  struct Connection;
  explicit TokenClient(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace sluice::client
