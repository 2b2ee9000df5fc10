// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "common/crypto/encoding.h"
#include "common/identity/jwt_signer.h"

namespace sluice::testing {

// An identity provider of the test's own: makes tokens, good and bad.
class JwtMaker {
 public:
  explicit JwtMaker(std::string_view algorithm, std::string kid = "k1", unsigned rsa_bits = 2048)
      : signer_(algorithm, std::move(kid), rsa_bits) {}

  boost::json::object Jwk() const { return signer_.Jwk(); }
  std::string Jwks() const {
    return boost::json::serialize(boost::json::object{{"keys", boost::json::array{Jwk()}}});
  }
  std::string Token(const boost::json::object& claims) const { return signer_.Sign(claims); }
  // With a header and claims of the test's own making.
  std::string Token(const boost::json::object& header, const std::string& claims) const {
    return TokenOfTexts(boost::json::serialize(header), claims);
  }
  std::string TokenOfTexts(const std::string& header, const std::string& claims) const {
    return signer_.SignTexts(header, claims);
  }

 private:
  identity::JwtSigner signer_;
};

}  // namespace sluice::testing
