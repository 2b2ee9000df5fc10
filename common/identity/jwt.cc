// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwt.h"

#include <algorithm>
#include <optional>

#include "absl/strings/match.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"

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

absl::StatusOr<json::object> ReadPart(std::string_view part, std::string_view name) {
  const auto text = crypto::Base64UrlDecode(part);
  if (!text || text->empty()) return Malformed("its " + std::string(name) + " is not base64url");
  auto value = ParseJson(*text);
  if (!value.ok() || !value->is_object())
    return Malformed("its " + std::string(name) + " is not one JSON object");
  return std::move(value->get_object());
}

// Seconds since 1970 as a whole number; years beyond 9999 and fractions are refused rather than rounded.
std::optional<Time> ReadTime(const json::value& value) {
  int64_t seconds = -1;
  if (value.is_int64()) seconds = value.get_int64();
  if (value.is_uint64() && value.get_uint64() <= 253402300799u)
    seconds = static_cast<int64_t>(value.get_uint64());
  if (seconds < 0 || seconds > 253402300799) return std::nullopt;
  return Time(std::chrono::seconds(seconds));
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
  if (token.size() > 16 * 1024) return Malformed("it is longer than 16 KiB");
  const size_t first = token.find('.');
  const size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos)
    return Malformed("it does not have three parts");
  ASSIGN_OR_RETURN(const json::object header, ReadPart(token.substr(0, first), "header"));
  UnverifiedJwt out;
  ASSIGN_OR_RETURN(out.claims, ReadPart(token.substr(first + 1, second - first - 1), "claims"));
  const auto signature = crypto::Base64UrlDecode(token.substr(second + 1));
  if (!signature) return Malformed("its signature is not base64url");
  if (header.contains("crit")) return Malformed("its header holds crit, which is not understood here");
  // Tickets and other tokens of our own are no proof of a caller.
  const std::string_view type = JsonText(header, "typ");
  const bool known_type = !header.contains("typ") || absl::EqualsIgnoreCase(ToAbsl(type), "JWT") ||
                          absl::EqualsIgnoreCase(ToAbsl(type), "at+jwt");
  if (!known_type) return Malformed("its type is not JWT");
  const auto* kid = header.if_contains("kid");
  if (kid != nullptr && (!kid->is_string() || kid->get_string().empty()))
    return Malformed("its kid is not text");
  out.algorithm = JsonText(header, "alg");
  if (out.algorithm != "RS256" && out.algorithm != "ES256")
    return Rejected("its algorithm is not RS256 or ES256");
  out.kid = JsonText(header, "kid");
  out.issuer = JsonText(out.claims, "iss");
  if (out.issuer.empty()) return Malformed("it names no issuer");
  out.signed_text = token.substr(0, second);
  out.signature = *signature;
  return out;
}

absl::Status VerifyJwt(const UnverifiedJwt& token, const Jwks& keys, const JwtRules& rules, Time now) {
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
  return absl::OkStatus();
}

}  // namespace sluice::identity
