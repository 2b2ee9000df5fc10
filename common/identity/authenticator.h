// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/identity/caller.h"
#include "common/identity/jwt.h"
#include "common/identity/key_source.h"
#include "common/identity/ticket.h"
#include "common/identity/verified_tokens.h"

namespace sluice::identity {

struct JwtProvider {
  std::string name;
  JwtRules rules;
  std::shared_ptr<KeySource> keys;
};

// Callers known by the certificate of their TLS connection. The subject is its one SAN of the kind named; all
// names are claims, `uri` and `dns`.
struct CertificateProvider {
  enum class Kind { kUri, kDns };
  std::string name;
  Kind kind = Kind::kUri;
};

// Upload gateways, known by the certificate of their TLS connection, and the JWTs that are shown to them.
struct GatewayRules {
  // The certificate's one URI or DNS name.
  std::set<std::string> names;
  // One of them must be in `aud`; none of them is an audience of a provider.
  std::vector<std::string> audiences;
};

// Every way to be somebody. Issuers are unique.
struct IdentityProviders {
  std::vector<JwtProvider> jwt;
  std::optional<CertificateProvider> certificate;
  // Name of the provider for callers without proof; absent where there is none.
  std::optional<std::string> anonymous;
  // Null where no tickets are known.
  std::shared_ptr<const TicketRing> tickets;
  // Absent where no gateway may act for anybody.
  std::optional<GatewayRules> gateways;
};

// What a caller shows. Each is empty where there was none.
struct Proof {
  // The authorization header's value.
  std::string_view authorization;
  std::string_view ticket;
  // PEM, already verified by the listener.
  std::string_view client_certificate;
};

// Turns a caller's proof into a caller. Thread-safe; never blocks.
class Authenticator {
 public:
  // The same caller for the same proof while it is remembered.
  using Known = std::shared_ptr<const Caller>;
  using Done = absl::AnyInvocable<void(absl::StatusOr<Known>)>;

  // Told of each JWT that was accepted, and whether it was known already; null tells nobody.
  using Accepted = std::function<void(bool known)>;

  // `clock` must outlive it. `max_bytes` bounds what is remembered of verified proofs.
  Authenticator(IdentityProviders providers, const Clock& clock, uint64_t max_bytes = 16 << 20,
                Accepted accepted = nullptr)
      : providers_(std::move(providers)),
        clock_(clock),
        accepted_(std::move(accepted)),
        verified_(max_bytes) {
    if (!providers_.anonymous) return;
    anonymous_ = std::make_shared<const Caller>(
        Caller{*providers_.anonymous, "anonymous", {}, true, std::nullopt, false});
    anonymous_by_gateway_ = std::make_shared<const Caller>(
        Caller{*providers_.anonymous, "anonymous", {}, true, std::nullopt, true});
  }

  // Calls `done` exactly once: at once, or, for a token whose key is unknown, after the provider's keys were
  // fetched again, on a thread that must not be blocked. A certificate counts only without a token and a
  // ticket; a proof that is not accepted never makes its caller somebody else, or anonymous. A gateway is
  // never a caller itself: it is recognised by its certificate, and shows what its own caller has, a JWT of
  // the gateways' audience or nothing, or a ticket for gateways, none of which anybody else may show; what it
  // gives is marked `by_gateway`. Besides what
  // ParseJwt, VerifyJwt and TicketRing::Open give, `UNAUTHENTICATED`: `TOKEN_MISSING`, `TOKEN_MALFORMED` (two
  // proofs), `CERTIFICATE_REJECTED`, `TICKET_REJECTED`; `UNAVAILABLE` `IDENTITY_KEYS_MISSING` with a retry
  // delay while the provider's keys were never obtained.
  void Authenticate(const Proof& proof, Done done) const;

  // Who a token belongs to that was accepted before and still is; null for any other proof. Tells nobody.
  Known Recall(std::string_view authorization, Time now) const;

  uint64_t remembered_bytes() const { return verified_.bytes(); }

 private:
  void AuthenticateJwt(std::string_view authorization, bool gateway, Done done) const;
  absl::StatusOr<Known> OpenTicket(std::string_view text, bool gateway) const;
  bool IsGateway(std::string_view pem) const;
  absl::StatusOr<Known> ReadCertificate(std::string_view pem) const;
  Known Remembered(const std::string& digest, Time now) const;
  absl::StatusOr<Known> Verify(const UnverifiedJwt& token, size_t provider, bool gateway,
                               const std::string& name, const std::shared_ptr<const Jwks>& keys) const;

  const IdentityProviders providers_;
  const Clock& clock_;
  const Accepted accepted_;
  // Null where nobody is.
  Known anonymous_;
  Known anonymous_by_gateway_;
  mutable VerifiedTokens verified_;
};

}  // namespace sluice::identity
