// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::reasons {

struct Entry {
  std::string_view reason;
  absl::StatusCode code;
  // Whether the same request may succeed later without anybody acting.
  bool retryable;
  std::string_view mend;
};

// Every reason that the token broker answers with; here, so that `sluice why` knows them too. The proto
// comments and the README's table list the same (a test compares all three).
inline constexpr std::array kTokenBroker = std::to_array<Entry>({
    {"TOKEN_MISSING", absl::StatusCode::kUnauthenticated, false, "send `authorization: Bearer <JWT>`"},
    {"TOKEN_MALFORMED", absl::StatusCode::kUnauthenticated, false,
     "send one JWT as the identity provider gave it"},
    {"TOKEN_REJECTED", absl::StatusCode::kUnauthenticated, false,
     "get a JWT from a configured issuer, for this audience; the message says what is wrong"},
    {"TOKEN_EXPIRED", absl::StatusCode::kUnauthenticated, false, "get a new JWT, then ask again"},
    {"TICKET_MALFORMED", absl::StatusCode::kUnauthenticated, false, "send one ticket as the broker gave it"},
    {"TICKET_REJECTED", absl::StatusCode::kUnauthenticated, false,
     "ask for a new ticket; the message says what is wrong"},
    {"TICKET_EXPIRED", absl::StatusCode::kUnauthenticated, false,
     "ask whoever gave the ticket for a new one"},
    {"CERTIFICATE_REJECTED", absl::StatusCode::kUnauthenticated, false,
     "present a client certificate with exactly one SAN of the configured kind"},
    {"REQUEST_MALFORMED", absl::StatusCode::kInvalidArgument, false,
     "send a message of this method; check fields and names"},
    {"PATH_INVALID", absl::StatusCode::kInvalidArgument, false,
     "rename the object; the message says what may not stand in a path"},
    {"REQUEST_INVALID", absl::StatusCode::kInvalidArgument, false,
     "mend the field that the metadata names; the message says how"},
    {"PROCESS_INVALID", absl::StatusCode::kInvalidArgument, false,
     "use actions and styles that the grant allows, and pictures below your own prefix"},
    {"TTL_INVALID", absl::StatusCode::kInvalidArgument, false,
     "ask for whole seconds; a token lives at least 900"},
    {"OPERATION_INVALID", absl::StatusCode::kInvalidArgument, false,
     "name operations of the enum; LIST needs a path that ends in /"},
    {"CLAIM_UNUSABLE", absl::StatusCode::kInvalidArgument, false,
     "the identity provider must send the claim that the grant's prefix names"},
    {"GRANT_NOT_HELD", absl::StatusCode::kPermissionDenied, false,
     "ask for a grant that is yours, or the operator for one"},
    {"SCOPE_NOT_GRANTED", absl::StatusCode::kPermissionDenied, false,
     "ask for less; the metadata names the field and the nearest grant"},
    {"CONDITION_NOT_MET", absl::StatusCode::kPermissionDenied, false,
     "come from a network, or over TLS, as the grant wants it"},
    {"SUBJECT_DENIED", absl::StatusCode::kPermissionDenied, false,
     "the operator has switched this subject off"},
    {"GRANT_DENIED", absl::StatusCode::kPermissionDenied, false, "the operator has switched this grant off"},
    {"DELEGATION_NOT_GRANTED", absl::StatusCode::kPermissionDenied, false,
     "the operator names this caller under the grant's delegates"},
    {"TICKET_NOT_ALLOWED", absl::StatusCode::kPermissionDenied, false,
     "ask for tickets with a JWT or a certificate"},
    {"GATEWAY_NOT_ALLOWED", absl::StatusCode::kPermissionDenied, false,
     "an upload gateway asks for tickets for its callers, and uses those; for anything else call directly"},
    {"LIMIT_EXCEEDED", absl::StatusCode::kPermissionDenied, false,
     "send a smaller object, or one of an allowed type"},
    {"LIMIT_NOT_ENFORCEABLE", absl::StatusCode::kFailedPrecondition, false,
     "use the form that the message names; or the operator makes the limits advisory"},
    {"HEAD_NOT_GRANTED", absl::StatusCode::kFailedPrecondition, false,
     "the operator gives the grant DOWNLOAD, or an upload's lost answer stays unconfirmed"},
    {"FORM_UNUSABLE", absl::StatusCode::kFailedPrecondition, false,
     "let the client offer another form; the message says what each lacks"},
    {"GRANT_AMBIGUOUS", absl::StatusCode::kFailedPrecondition, false,
     "name one of the grants in the metadata"},
    {"POLICY_TOO_LARGE", absl::StatusCode::kFailedPrecondition, false,
     "shorten the path or the grant's prefix"},
    {"STS_REFUSED", absl::StatusCode::kFailedPrecondition, false,
     "the operator mends key, role or trust; the message says which"},
    {"ROLE_NOT_FOUND", absl::StatusCode::kFailedPrecondition, false,
     "the operator mends role_arn of the grant"},
    {"STS_THROTTLED", absl::StatusCode::kResourceExhausted, true, "wait as RetryInfo says"},
    {"STS_BUDGET_SPENT", absl::StatusCode::kResourceExhausted, true,
     "wait as RetryInfo says, your place is kept; or use a signed form, which needs no token"},
    {"STS_UNREACHABLE", absl::StatusCode::kUnavailable, true,
     "wait as RetryInfo says; the operator checks the network"},
    {"STS_ANSWER_INVALID", absl::StatusCode::kUnavailable, true,
     "the operator checks sts.endpoints and proxies in between"},
    {"OWN_CREDENTIALS_MISSING", absl::StatusCode::kUnavailable, true,
     "wait; the operator checks the broker's own key with `sluice doctor`"},
    {"SUBJECT_RATE_EXCEEDED", absl::StatusCode::kResourceExhausted, true,
     "wait as RetryInfo says, and keep each token until its refresh_after"},
    {"GRANT_RATE_EXCEEDED", absl::StatusCode::kResourceExhausted, true,
     "wait as RetryInfo says; the operator raises load.grant_calls_per_second"},
    {"BROKER_OVERLOADED", absl::StatusCode::kUnavailable, true,
     "wait as RetryInfo says; the operator adds replicas or raises load"},
    {"IDENTITY_KEYS_MISSING", absl::StatusCode::kUnavailable, true,
     "wait; the operator checks that jwks_url answers"},
    {"AUDIT_UNAVAILABLE", absl::StatusCode::kUnavailable, true,
     "wait; the operator makes the audit file writable again"},
    {"CALL_CANCELLED", absl::StatusCode::kCancelled, false, "nothing; the caller itself left"},
    {"METHOD_UNKNOWN", absl::StatusCode::kNotFound, false, "HTTP alone: use an address and verb of GET /"},
    {"POLICY_NOT_PROVEN", absl::StatusCode::kInternal, false, "report it; nothing was issued"},
    {"INTERNAL_ERROR", absl::StatusCode::kInternal, false, "report it with the request id"},
});

}  // namespace sluice::reasons
