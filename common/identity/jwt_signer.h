// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "boost/json.hpp"

namespace sluice::identity {

// A key pair of one algorithm, fresh for each object, that makes tokens: for the sandbox's identity provider
// and for tests. Thread-safe.
class JwtSigner {
 public:
  enum class Algorithm { kRs256, kEs256 };
  // `rsa_bits` below 2048 is for tests of what refuses it.
  JwtSigner(Algorithm algorithm, std::string kid, unsigned rsa_bits = 2048);
  ~JwtSigner();

  std::string_view algorithm() const;
  // The public half as RFC 7517 has it, with kid, use and alg.
  boost::json::object Jwk() const;
  // A token with the usual header.
  std::string Sign(const boost::json::object& claims) const;
  // A token of exactly these texts, well signed whatever they say.
  std::string SignTexts(std::string_view header, std::string_view claims) const;

 private:
  struct Key;
  const Algorithm algorithm_;
  const std::string kid_;
  const std::unique_ptr<Key> key_;
};

}  // namespace sluice::identity
