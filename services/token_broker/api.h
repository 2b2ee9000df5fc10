// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/identity/authenticator.h"
#include "common/rpc/call_context.h"
#include "services/token_broker/issuer.h"
#include "sluice/token/v1/token_broker.pb.h"

namespace sluice::broker {

// Every method of sluice.token.v1.TokenBroker, the same for both edges. Thread-safe; never blocks.
class Api {
 public:
  template <typename Answer>
  using Done = absl::AnyInvocable<void(absl::StatusOr<Answer>)>;

  // All must outlive it and the calls under way.
  Api(const identity::Authenticator& authenticator, const Grants& grants, Issuer& issuer)
      : authenticator_(authenticator), grants_(grants), issuer_(issuer) {}

  void IssueToken(const token::v1::IssueTokenRequest& request, const rpc::CallContext& context,
                  Done<token::v1::IssueTokenResponse> done);
  void ExplainAccess(const token::v1::ExplainAccessRequest& request, const rpc::CallContext& context,
                     Done<token::v1::ExplainAccessResponse> done);

 private:
  const identity::Authenticator& authenticator_;
  const Grants& grants_;
  Issuer& issuer_;
};

}  // namespace sluice::broker
