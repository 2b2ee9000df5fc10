// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "boost/json.hpp"
#include "common/identity/jws.h"

namespace sluice::identity {

// A key pair of one algorithm, fresh for each object, that makes tokens: for the sandbox's identity provider
// and for tests. Thread-safe.
class JwtSigner {
 public:
  // `algorithm` is one that FindJwsAlgorithm knows. `rsa_bits` below 2048 is for tests of what refuses it.
  JwtSigner(std::string_view algorithm, std::string kid, unsigned rsa_bits = 2048);

  std::string_view algorithm() const { return algorithm_.name; }
  // The public half as RFC 7517 has it, with kid, use and alg.
  boost::json::object Jwk() const;
  // A token with the usual header.
  std::string Sign(const boost::json::object& claims) const;
  // A token of exactly these texts, well signed whatever they say.
  std::string SignTexts(std::string_view header, std::string_view claims) const;

 private:
  const JwsAlgorithm& algorithm_;
  const std::string kid_;
  const KeyHandle key_;
};

}  // namespace sluice::identity
