// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/identity_endpoint.h"

#include <algorithm>
#include <array>

#include "common/base/units.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "common/http/target.h"
#include "services/sandbox/collected.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;

http::Answer Json(int status, const json::object& body) {
  return {status,
          {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          json::serialize(body) + "\n",
          nullptr};
}

http::Answer Bad(const char* what) {
  return Json(400, {{"error", "invalid_request"}, {"error_description", what}});
}

std::string NewKid() { return crypto::HexLower(crypto::RandomBytes(8)); }

}  // namespace

IdentityEndpoint::IdentityEndpoint(const Clock& real, const Password& password)
    : real_(real),
      password_(password),
      rsa_("RS256", NewKid()),
      ec_("ES256", NewKid()),
      keys_(identity::ParseJwks(JwksText()).value()) {}

std::string IdentityEndpoint::JwksText() const {
  return json::serialize(json::object{{"keys", json::array{rsa_.Jwk(), ec_.Jwk()}}});
}

std::unique_ptr<http::Exchange> IdentityEndpoint::Start(http::RequestHead head) {
  return Collect([this, head = std::move(head)](const std::string&) { return Serve(head); });
}

http::Answer IdentityEndpoint::Serve(const http::RequestHead& head) const {
  const std::string path = head.target.substr(0, head.target.find('?'));
  if (head.method != "GET") return Json(405, {{"error", "method_not_allowed"}});
  if (path == "/.well-known/openid-configuration") {
    return Json(200, {{"issuer", issuer_},
                      {"jwks_uri", issuer_ + "/jwks.json"},
                      {"token_endpoint", issuer_ + "/token"},
                      {"response_types_supported", {"id_token"}},
                      {"subject_types_supported", {"public"}},
                      {"id_token_signing_alg_values_supported", {"RS256", "ES256"}}});
  }
  if (path == "/jwks.json") return Json(200, {{"keys", json::array{rsa_.Jwk(), ec_.Jwk()}}});
  if (path == "/token") return Mint(head);
  return Json(404, {{"error", "not_found"},
                    {"error_description",
                     "here are /.well-known/openid-configuration, /jwks.json, /token?subject="}});
}

http::Answer IdentityEndpoint::Mint(const http::RequestHead& head) const {
  if (auto refused = password_.Refuse(head)) return *std::move(refused);
  const auto target = http::ParseTarget(head.target);
  if (!target) return Bad("the query is not percent-encoded text");
  constexpr std::array<std::string_view, 7> kRegistered = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"};
  json::object claims;
  std::string audience = "sluice";
  std::string algorithm = "RS256";
  std::string subject;
  std::optional<std::chrono::seconds> ttl = std::chrono::hours(1);
  for (const auto& [name, value] : target->query) {
    if (name == "subject") {
      subject = value;
    } else if (name == "audience") {
      audience = value;
    } else if (name == "alg") {
      algorithm = value;
    } else if (name == "ttl") {
      ttl = ParseDuration(value);
    } else if (name.empty() || std::find(kRegistered.begin(), kRegistered.end(), name) != kRegistered.end()) {
      return Bad("registered claims are given as subject, audience and ttl");
    } else {
      claims[name] = value;
    }
  }
  if (subject.empty()) return Bad("subject is missing: /token?subject=alice");
  if (algorithm != "RS256" && algorithm != "ES256") return Bad("alg is RS256 or ES256");
  if (!ttl || *ttl > std::chrono::hours(24)) return Bad("ttl is a duration such as 15m, at most 24h");
  const auto now = std::chrono::duration_cast<std::chrono::seconds>(real_.Now().time_since_epoch()).count();
  claims["iss"] = issuer_;
  claims["sub"] = subject;
  claims["aud"] = audience;
  claims["iat"] = now;
  claims["nbf"] = now;
  claims["exp"] = now + ttl->count();
  claims["jti"] = NewKid();
  return {200,
          {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}},
          (algorithm == "RS256" ? rsa_ : ec_).Sign(claims) + "\n",
          nullptr};
}

}  // namespace sluice::sandbox
