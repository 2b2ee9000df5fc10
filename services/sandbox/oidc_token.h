// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/identity/jwks.h"
#include "services/sandbox/fault.h"

namespace sluice::sandbox {

// An identity provider as RAM has it registered.
struct OidcProvider {
  std::string issuer;
  // What may stand in `aud`.
  std::vector<std::string> client_ids;
  const identity::Jwks& keys;
};

// What a token proves.
struct OidcSubject {
  std::string subject;
  std::string issuer;
  // The registered one among the token's.
  std::string client_id;
  Time issued;
  Time expires;
};

// Judges the token of AssumeRoleWithOIDC: form, issuer, signature, audience, times, without leeway. Each has
// its code `AuthenticationFail.OIDCToken.*`; nothing in the refusal repeats the token. Pure.
OrFault<OidcSubject> VerifyOidcToken(std::string_view token, const OidcProvider& provider, Time now);

}  // namespace sluice::sandbox
