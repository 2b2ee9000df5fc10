// SPDX-License-Identifier: Apache-2.0
#include "common/identity/authenticator.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"

namespace sluice::identity {

absl::StatusOr<Caller> Authenticator::Authenticate(std::string_view authorization) const {
  if (authorization.empty()) {
    if (anonymous_) return Caller{*anonymous_, "anonymous", {}, true};
    return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING",
                "no proof of who is calling; send `authorization: Bearer <JWT>`");
  }
  constexpr std::string_view kScheme = "Bearer ";
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kScheme)))
    return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED",
                "the authorization header must be `Bearer <JWT>`");
  authorization.remove_prefix(kScheme.size());
  ASSIGN_OR_RETURN(UnverifiedJwt token, ParseJwt(authorization));
  const auto provider = std::find_if(providers_.begin(), providers_.end(),
                                     [&](const auto& known) { return known.rules.issuer == token.issuer; });
  if (provider == providers_.end())
    return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED",
                "the token is not accepted: its issuer is not configured here");
  const auto keys = provider->keys->Current();
  if (keys == nullptr)
    return Fail(absl::StatusCode::kUnavailable, "IDENTITY_KEYS_MISSING",
                "the keys of this identity provider could not be fetched yet; try again")
        .RetryAfter(std::chrono::seconds(2));
  RETURN_IF_ERROR(VerifyJwt(token, *keys, provider->rules, clock_.Now()));
  std::string subject(JsonText(token.claims, "sub"));
  return Caller{provider->name, std::move(subject), std::move(token.claims), false};
}

}  // namespace sluice::identity
