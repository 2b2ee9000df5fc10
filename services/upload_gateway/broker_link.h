// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/secret_string.h"
#include "services/upload_gateway/oss_access.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::gateway {

// What a gateway asks of the broker. Thread-safe; never blocks. Each `done` is called exactly once, on a
// thread that must not be blocked; errors are the broker's own, or `UNAVAILABLE` `BROKER_UNREACHABLE` with a
// retry delay.
class BrokerLink {
 public:
  template <typename T>
  using Done = absl::AnyInvocable<void(absl::StatusOr<T>)>;
  virtual ~BrokerLink() = default;

  // Whose call it is, and from where: the caller's own proof, passed on.
  struct Caller {
    // The authorization header's value; empty for an anonymous caller. A secret.
    std::string authorization;
    // Numeric address.
    std::string peer;
    bool tls = false;
  };
  virtual void IssueTicket(const token::v1::IssueTicketRequest& request, const Caller& caller,
                           const CallFacts& call, Done<token::v1::IssueTicketResponse> done) = 0;
  virtual void SignUrl(const token::v1::SignUrlRequest& request, const SecretString& ticket,
                       const CallFacts& call, Done<token::v1::SignUrlResponse> done) = 0;
  virtual void IssueToken(const token::v1::IssueTokenRequest& request, const SecretString& ticket,
                          const CallFacts& call, Done<token::v1::IssueTokenResponse> done) = 0;
};

}  // namespace sluice::gateway
