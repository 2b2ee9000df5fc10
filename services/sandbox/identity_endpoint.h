// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "common/base/clock.h"
#include "common/http/server.h"
#include "common/identity/jwks.h"
#include "common/identity/jwt_signer.h"
#include "services/sandbox/password.h"

namespace sluice::sandbox {

// An identity provider with keys of its own, fresh at each start:
// - `GET /.well-known/openid-configuration` and `GET /jwks.json`;
// - `GET /token?subject=alice[&audience=sluice][&alg=RS256|ES256][&ttl=1h][&claim=value...]`: a JWT as text.
// The
//   life is at most 24 h; any other name becomes a claim of text, the registered ones are refused.
// Times are real, whatever the sandbox's clock says, since the broker's clock judges them. Thread-safe.
class IdentityEndpoint final : public http::Handler {
 public:
  IdentityEndpoint(const Clock& real, const Password& password);
  // Before anything is asked. No `/` at the end.
  void SetIssuer(std::string issuer) { issuer_ = std::move(issuer); }
  const std::string& issuer() const { return issuer_; }
  // The public halves, as /jwks.json has them.
  const identity::Jwks& keys() const { return *keys_; }

  std::unique_ptr<http::Exchange> Start(http::RequestHead head) override;
  uint64_t BodyLimit(const http::RequestHead&) const override { return 1024; }

 private:
  std::string JwksText() const;
  http::Answer Serve(const http::RequestHead& head) const;
  http::Answer Mint(const http::RequestHead& head) const;

  const Clock& real_;
  const Password& password_;
  const identity::JwtSigner rsa_;
  const identity::JwtSigner ec_;
  const std::shared_ptr<const identity::Jwks> keys_;
  std::string issuer_;
};

}  // namespace sluice::sandbox
