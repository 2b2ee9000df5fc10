// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/identity/caller.h"
#include "common/identity/jwt.h"
#include "common/identity/key_source.h"

namespace sluice::identity {

struct JwtProvider {
  std::string name;
  JwtRules rules;
  std::shared_ptr<KeySource> keys;
};

// Turns a caller's proof into a caller. Thread-safe; never blocks.
class Authenticator {
 public:
  // `anonymous` is the name of the provider for callers without proof; absent where there is none. Issuers
  // are unique.
  Authenticator(std::vector<JwtProvider> providers, std::optional<std::string> anonymous, const Clock& clock)
      : providers_(std::move(providers)), anonymous_(std::move(anonymous)), clock_(clock) {}

  // `authorization` is the header's value, empty where there was none. A proof that is not accepted never
  // makes its caller anonymous. Besides what ParseJwt and VerifyJwt give: `UNAUTHENTICATED` `TOKEN_MISSING`;
  // `UNAVAILABLE` `IDENTITY_KEYS_MISSING` with a retry delay while the provider's keys were never obtained.
  absl::StatusOr<Caller> Authenticate(std::string_view authorization) const;

 private:
  const std::vector<JwtProvider> providers_;
  const std::optional<std::string> anonymous_;
  const Clock& clock_;
};

}  // namespace sluice::identity
