// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "boost/json.hpp"
#include "common/base/clock.h"
#include "common/base/secret_string.h"
#include "common/identity/jws.h"

// A ticket: a capability that the broker signs, for callers who cannot send a JWT.
namespace sluice::identity {

// Somebody as a provider vouches for it, with the claims that decide what it may do.
struct TicketParty {
  std::string provider;
  std::string subject;
  boost::json::object claims;
};

// What a ticket says. A value.
struct Ticket {
  // 16 hex digits, made by Seal.
  std::string id;
  // Whose rights it carries.
  TicketParty subject;
  // Who asked for it on the subject's behalf; absent where the subject did.
  std::optional<TicketParty> actor;
  std::string grant;
  // Relative to the grant's prefix; a request may only narrow it.
  std::string path;
  // Names without `OPERATION_`.
  std::vector<std::string> operations;
  Time issued;
  Time expires;
  // For an upload gateway alone (`use: gateway`), which was given it to act for the subject.
  bool for_gateway = false;
};

// One key of the ring: a name of `[A-Za-z0-9._-]`, at most 64, and an Ed25519 private key as PEM (PKCS #8).
struct TicketKey {
  std::string id;
  SecretString pem;
};

// Seals and opens tickets: JWS with EdDSA, `typ: sluice-ticket+jwt`, `use` `caller` or
// `gateway`. Thread-safe, unchanging.
class TicketRing {
 public:
  // The first key signs, all verify. `audience` names this broker's deployment, so that a ticket of another
  // one that shares a key is refused. `INVALID_ARGUMENT` `TICKET_KEYS_INVALID`: no key, an id twice or odd,
  // text that is no such key.
  static absl::StatusOr<std::shared_ptr<const TicketRing>> Make(const std::vector<TicketKey>& keys,
                                                                std::string audience);
  // One fresh key, which no other process has and which ends with this one.
  static std::shared_ptr<const TicketRing> Ephemeral(std::string audience);

  // Fills `ticket.id`. Times are kept in whole seconds.
  SecretString Seal(Ticket& ticket) const;

  // `UNAUTHENTICATED`: `TICKET_MALFORMED` (over 8 KiB, not the form of a ticket), `TICKET_REJECTED` (key,
  // signature, audience, use, issued in the future), `TICKET_EXPIRED`.
  absl::StatusOr<Ticket> Open(std::string_view text, Time now) const;

 private:
  struct Entry {
    std::string id;
    KeyHandle key;
  };
  TicketRing(std::vector<Entry> entries, std::string audience)
      : entries_(std::move(entries)), audience_(std::move(audience)) {}
  const std::vector<Entry> entries_;
  const std::string audience_;
};

}  // namespace sluice::identity
