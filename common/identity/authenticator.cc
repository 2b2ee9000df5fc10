// SPDX-License-Identifier: Apache-2.0
#include "common/identity/authenticator.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/identity/client_certificate.h"

namespace sluice::identity {
namespace {

Failure Refused(const char* reason, std::string_view what) {
  return Fail(absl::StatusCode::kUnauthenticated, reason, what);
}

// What follows the scheme; nothing with another one.
std::optional<std::string_view> BearerToken(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!absl::StartsWithIgnoreCase(ToAbsl(authorization), ToAbsl(kScheme))) return std::nullopt;
  return authorization.substr(kScheme.size());
}

// What a ticket or certificate is remembered by: a proof of one kind never stands for one of another, and a
// JWT's name is its digest alone.
std::string NameOf(std::string_view proof, std::string_view kind) {
  std::string out = crypto::Sha256(proof);
  out += kind;
  return out;
}

}  // namespace

void Authenticator::Authenticate(const Proof& proof, Done done) const {
  if (!proof.authorization.empty() && !proof.ticket.empty())
    return done(Refused("TOKEN_MALFORMED", "send one proof, a JWT or a ticket, not both"));
  const bool gateway = IsGateway(proof.client_certificate);
  if (!proof.authorization.empty()) return AuthenticateJwt(proof.authorization, gateway, std::move(done));
  if (!proof.ticket.empty()) {
    if (providers_.tickets == nullptr)
      return done(Refused("TICKET_REJECTED", "the ticket is not accepted: this service takes none"));
    return done(OpenTicket(proof.ticket, gateway));
  }
  if (gateway) {
    if (anonymous_by_gateway_ != nullptr) return done(anonymous_by_gateway_);
    return done(Refused("TOKEN_MISSING", "a gateway acts for callers alone; show the caller's JWT"));
  }
  if (!proof.client_certificate.empty() && providers_.certificate)
    return done(ReadCertificate(proof.client_certificate));
  if (anonymous_ != nullptr) return done(anonymous_);
  done(Refused("TOKEN_MISSING", "no proof of who is calling; send `authorization: Bearer <JWT>`"));
}

Authenticator::Known Authenticator::Remembered(const std::string& digest, Time now) const {
  const auto known = verified_.Find(digest, now);
  if (known == nullptr) return nullptr;
  if (known->keys != nullptr && providers_.jwt[known->provider].keys->Current() != known->keys)
    return nullptr;
  return known->caller;
}

// Remembered, since parsing a certificate for each call would cost; one that is none by an empty subject.
bool Authenticator::IsGateway(std::string_view pem) const {
  if (!providers_.gateways || pem.empty()) return false;
  const std::string name = NameOf(pem, "g");
  if (Known known = Remembered(name, clock_.Now())) return known->by_gateway;
  const auto names = ReadCertificateNames(pem);
  const auto& wanted = providers_.gateways->names;
  const auto is_named = [&](const std::vector<std::string>& given) {
    return given.size() == 1 && wanted.contains(given.front());
  };
  const bool out = names.ok() && (is_named(names->uris) || is_named(names->dns));
  verified_.Put(
      name,
      {std::make_shared<const Caller>(Caller{"", "", {}, false, std::nullopt, out}), Time::max(), 0, nullptr},
      pem.size());
  return out;
}

absl::StatusOr<Authenticator::Known> Authenticator::OpenTicket(std::string_view text, bool gateway) const {
  const Time now = clock_.Now();
  const std::string name = NameOf(text, gateway ? "tg" : "t");
  if (Known known = Remembered(name, now)) return known;
  ASSIGN_OR_RETURN(Ticket ticket, providers_.tickets->Open(text, now));
  if (ticket.for_gateway != gateway) {
    return Refused("TICKET_REJECTED",
                   gateway ? "the ticket is not accepted: a gateway uses tickets that were made for it"
                           : "the ticket is not accepted: it is for an upload gateway alone");
  }
  TicketParty subject = ticket.subject;
  const Time expires = ticket.expires;
  auto caller =
      std::make_shared<const Caller>(Caller{std::move(subject.provider), std::move(subject.subject),
                                            std::move(subject.claims), false, std::move(ticket), gateway});
  verified_.Put(name, {caller, expires, 0, nullptr}, text.size());
  return caller;
}

// The listener has verified the certificate, and does so again for each connection.
absl::StatusOr<Authenticator::Known> Authenticator::ReadCertificate(std::string_view pem) const {
  const std::string name = NameOf(pem, "c");
  if (Known known = Remembered(name, clock_.Now())) return known;
  const CertificateProvider& provider = *providers_.certificate;
  ASSIGN_OR_RETURN(const CertificateNames names, ReadCertificateNames(pem));
  const bool uri = provider.kind == CertificateProvider::Kind::kUri;
  const auto& candidates = uri ? names.uris : names.dns;
  if (candidates.size() != 1)
    return Refused("CERTIFICATE_REJECTED",
                   std::string("the client certificate is not accepted: it needs exactly one ") +
                       (uri ? "URI" : "DNS name") + " as subjectAltName");
  Caller read{provider.name, candidates.front(), {}, false, std::nullopt, false};
  read.claims["uri"] = boost::json::value_from(names.uris);
  read.claims["dns"] = boost::json::value_from(names.dns);
  auto caller = std::make_shared<const Caller>(std::move(read));
  verified_.Put(name, {caller, Time::max(), 0, nullptr}, pem.size());
  return caller;
}

Authenticator::Known Authenticator::Recall(std::string_view authorization, Time now) const {
  const auto token = BearerToken(authorization);
  return token ? Remembered(crypto::Sha256(*token), now) : nullptr;
}

void Authenticator::AuthenticateJwt(std::string_view authorization, bool gateway, Done done) const {
  const auto bearer = BearerToken(authorization);
  if (!bearer) return done(Refused("TOKEN_MALFORMED", "the authorization header must be `Bearer <JWT>`"));
  // Who is known to a gateway is not known to the broker, and the other way round.
  const std::string name = gateway ? NameOf(*bearer, "jg") : crypto::Sha256(*bearer);
  if (Known known = Remembered(name, clock_.Now())) {
    if (accepted_) accepted_(true);
    return done(std::move(known));
  }
  auto token = ParseJwt(*bearer);
  if (!token.ok()) return done(token.status());
  const auto found = std::find_if(providers_.jwt.begin(), providers_.jwt.end(), [&](const auto& provider) {
    return provider.rules.issuer == token->issuer;
  });
  if (found == providers_.jwt.end())
    return done(Refused("TOKEN_REJECTED", "the token is not accepted: its issuer is not configured here"));
  const auto provider = static_cast<size_t>(found - providers_.jwt.begin());
  auto keys = found->keys->Current();
  if (keys == nullptr) {
    return done(Fail(absl::StatusCode::kUnavailable, "IDENTITY_KEYS_MISSING",
                     "the keys of this identity provider could not be fetched yet; try again")
                    .RetryAfter(std::chrono::seconds(2)));
  }
  if (keys->Find(token->kid, token->algorithm) != nullptr)
    return done(Verify(*token, provider, gateway, name, keys));
  // Perhaps the provider has rotated its keys.
  found->keys->Refresh(
      [this, provider, gateway, name, token = *std::move(token), done = std::move(done)]() mutable {
        done(Verify(token, provider, gateway, name, providers_.jwt[provider].keys->Current()));
      });
}

absl::StatusOr<Authenticator::Known> Authenticator::Verify(const UnverifiedJwt& token, size_t provider,
                                                           bool gateway, const std::string& name,
                                                           const std::shared_ptr<const Jwks>& keys) const {
  const JwtProvider& known = providers_.jwt[provider];
  JwtRules rules = known.rules;
  if (gateway) rules.audiences = providers_.gateways->audiences;
  ASSIGN_OR_RETURN(const Time expires, VerifyJwt(token, *keys, rules, clock_.Now()));
  auto caller = std::make_shared<const Caller>(Caller{known.name, std::string(JsonText(token.claims, "sub")),
                                                      token.claims, false, std::nullopt, gateway});
  if (accepted_) accepted_(false);
  verified_.Put(name, {caller, expires, provider, keys}, token.signed_text.size());
  return caller;
}

}  // namespace sluice::identity
