// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "boost/json.hpp"
#include "common/base/clock.h"
#include "common/identity/jwks.h"

// JSON Web Tokens in compact form, as callers show them (RFC 7519, 7515, 8725). Pure.
namespace sluice::identity {

// A token whose form is right and of which nothing is proven yet.
struct UnverifiedJwt {
  std::string algorithm;
  std::string kid;
  std::string issuer;
  boost::json::object claims;
  // What the signature is over.
  std::string signed_text;
  std::string signature;
};

struct JwtRules {
  std::string issuer;
  // One of them must be in `aud`.
  std::vector<std::string> audiences;
  // Forgiven in `exp` and `nbf`; at most 60 s.
  std::chrono::seconds skew{30};
};

// Takes a token apart. `UNAUTHENTICATED` `TOKEN_MALFORMED`: over 16 KiB, not three parts of strict base64url,
// JSON with duplicate members, header with `crit`, a type of token that is not a caller's, no issuer;
// `TOKEN_REJECTED`: an algorithm that FindJwsAlgorithm does not know.
absl::StatusOr<UnverifiedJwt> ParseJwt(std::string_view token);

// `UNAUTHENTICATED` `TOKEN_REJECTED` (signature, key, issuer, audience, not valid yet, no subject, a claim of
// the wrong type) or `TOKEN_EXPIRED`. The signature is judged first. Gives the time from which the token is
// no longer accepted.
absl::StatusOr<Time> VerifyJwt(const UnverifiedJwt& token, const Jwks& keys, const JwtRules& rules, Time now);

}  // namespace sluice::identity
