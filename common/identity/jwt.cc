// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwt.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/text.h"
#include "common/identity/compact_jws.h"
#include "common/identity/jws.h"

namespace sluice::identity {
namespace {

namespace json = boost::json;

Failure Malformed(std::string_view what) {
  return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED",
              "the token is not a JWT: " + std::string(what));
}
Failure Rejected(std::string_view what) {
  return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED",
              "the token is not accepted: " + std::string(what));
}

// Seconds since 1970 as a whole number; years beyond 9999 and fractions are refused rather than rounded.
std::optional<Time> ReadTime(const json::value& value) {
  int64_t seconds = -1;
  if (value.is_int64()) seconds = value.get_int64();
  if (value.is_uint64() && value.get_uint64() <= 253402300799u)
    seconds = static_cast<int64_t>(value.get_uint64());
  if (seconds < 0 || seconds > 253402300799) return std::nullopt;
  // Some issuers write 9999999999 for "no end"; a Time does not reach that far, and we need not.
  return Time(std::chrono::seconds(std::min(seconds, kLastSecond)));
}

bool HasAudience(const json::object& claims, const std::vector<std::string>& wanted) {
  const auto* aud = claims.if_contains("aud");
  auto matches = [&](const json::value& value) {
    return value.is_string() && std::any_of(wanted.begin(), wanted.end(), [&](const std::string& audience) {
             return std::string_view(value.get_string().data(), value.get_string().size()) == audience;
           });
  };
  if (aud == nullptr) return false;
  if (!aud->is_array()) return matches(*aud);
  const auto& list = aud->get_array();
  const bool texts = std::all_of(list.begin(), list.end(), [](const auto& item) { return item.is_string(); });
  return texts && std::any_of(list.begin(), list.end(), matches);
}

}  // namespace

absl::StatusOr<UnverifiedJwt> ParseJwt(std::string_view token) {
  auto jws = ParseCompactJws(token, 16 * 1024);
  if (!jws.ok()) return Malformed(FromAbsl(jws.status().message()));
  auto claims = ParseJson(jws->payload);
  if (!claims.ok() || !claims->is_object()) return Malformed("its claims are not one JSON object");
  // Tickets and other tokens of our own are no proof of a caller.
  const std::string_view type = JsonText(jws->header, "typ");
  const bool known_type = !jws->header.contains("typ") || absl::EqualsIgnoreCase(ToAbsl(type), "JWT") ||
                          absl::EqualsIgnoreCase(ToAbsl(type), "at+jwt");
  if (!known_type) return Malformed("its type is not JWT");
  if (FindJwsAlgorithm(jws->algorithm) == nullptr)
    return Rejected("its algorithm is none of RS, PS, ES with 256, 384, 512 and EdDSA");
  UnverifiedJwt out;
  out.claims = std::move(claims->get_object());
  out.issuer = JsonText(out.claims, "iss");
  if (out.issuer.empty()) return Malformed("it names no issuer");
  out.algorithm = std::move(jws->algorithm);
  out.kid = std::move(jws->kid);
  out.signed_text = std::move(jws->signed_text);
  out.signature = std::move(jws->signature);
  return out;
}

absl::StatusOr<Time> VerifyJwt(const UnverifiedJwt& token, const Jwks& keys, const JwtRules& rules,
                               Time now) {
  const VerificationKey* key = keys.Find(token.kid, token.algorithm);
  if (key == nullptr) return Rejected("its key is unknown to the provider's JWKS");
  if (!key->Verifies(token.signed_text, token.signature)) return Rejected("its signature is wrong");
  if (token.issuer != rules.issuer) return Rejected("its issuer is not the one expected");
  if (!HasAudience(token.claims, rules.audiences))
    return Rejected("its audience is not this service; ask the identity provider for the right one");
  const auto* sub = token.claims.if_contains("sub");
  if (sub == nullptr || !sub->is_string() || sub->get_string().empty() || sub->get_string().size() > 1024)
    return Rejected("its sub is missing, not text, or longer than 1024 bytes");
  const auto* exp = token.claims.if_contains("exp");
  const auto expires = exp == nullptr ? std::nullopt : ReadTime(*exp);
  if (!expires) return Rejected("its exp is missing or not a whole number of seconds");
  if (const auto* nbf = token.claims.if_contains("nbf")) {
    const auto begins = ReadTime(*nbf);
    if (!begins) return Rejected("its nbf is not a whole number of seconds");
    if (now + rules.skew < *begins) return Rejected("it is not valid yet; check the clocks");
  }
  if (now >= *expires + rules.skew)
    return Fail(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED",
                "the token has expired; get a new one from the identity provider");
  return *expires + rules.skew;
}

}  // namespace sluice::identity
