// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oidc_token.h"

#include <algorithm>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/identity/jwt.h"

namespace sluice::sandbox {
namespace {

Fault Refused(const std::string& what, std::string message, std::string hint) {
  return {401, "AuthenticationFail.OIDCToken." + what, std::move(message), "", std::move(hint), {}};
}

// Whether `aud`, a text or a list of texts, holds it.
bool HoldsAudience(const boost::json::object& claims, const std::string& client_id) {
  const auto* aud = claims.if_contains("aud");
  if (aud == nullptr) return false;
  if (!aud->is_array()) return aud->is_string() && JsonText(claims, "aud") == client_id;
  return std::any_of(aud->get_array().begin(), aud->get_array().end(), [&](const auto& item) {
    return item.is_string() && item.get_string() == boost::json::string_view(client_id);
  });
}

}  // namespace

OrFault<OidcSubject> VerifyOidcToken(std::string_view token, const OidcProvider& provider, Time now) {
  auto parsed = identity::ParseJwt(token);
  if (!parsed.ok()) {
    return Refused("Invalid", "This JsonWebToken is invalid.",
                   std::string(FromAbsl(parsed.status().message())));
  }
  if (parsed->issuer != provider.issuer)
    return Refused("IssuerNotMatch", "Invalid issuer.", "this provider's issuer is " + provider.issuer);
  const auto* key = provider.keys.Find(parsed->kid, parsed->algorithm);
  if (key == nullptr || !key->Verifies(parsed->signed_text, parsed->signature)) {
    return Refused("InvalidSignature", "Invalid signature.",
                   "no key of the sandbox's identity provider made this signature; its keys are fresh at "
                   "each start");
  }
  const auto client_id =
      std::find_if(provider.client_ids.begin(), provider.client_ids.end(),
                   [&](const std::string& one) { return HoldsAudience(parsed->claims, one); });
  if (client_id == provider.client_ids.end()) {
    return Refused("AudienceNotMatch", "Invalid audience.",
                   "the token needs the audience " + provider.client_ids.front());
  }
  const auto expires = identity::VerifyJwt(*parsed, provider.keys,
                                           {provider.issuer, {*client_id}, std::chrono::seconds(0)}, now);
  if (!expires.ok() && Reason(expires.status()) == "TOKEN_EXPIRED")
    return Refused("Expired", "This JsonWebToken is expired.", "its exp has passed by the sandbox's clock");
  if (!expires.ok()) {
    return Refused("Invalid", "This JsonWebToken is invalid.",
                   std::string(FromAbsl(expires.status().message())));
  }
  const auto* iat = parsed->claims.if_contains("iat");
  const int64_t issued = iat != nullptr && iat->is_int64() ? iat->get_int64() : -1;
  if (issued < 0 || issued > kLastSecond || Time(std::chrono::seconds(issued)) > now) {
    return Refused("Invalid", "This JsonWebToken is invalid.",
                   "its iat is missing, no whole number of seconds, or yet to come");
  }
  return OidcSubject{std::string(JsonText(parsed->claims, "sub")), parsed->issuer, *client_id,
                     Time(std::chrono::seconds(issued)), *expires};
}

}  // namespace sluice::sandbox
