// SPDX-License-Identifier: Apache-2.0
#include "common/identity/ticket.h"

#include <openssl/pem.h>

#include <algorithm>
#include <cstdlib>

#include "common/base/json.h"
#include "common/base/status.h"
#include "common/base/status_macros.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"
#include "common/crypto/random.h"
#include "common/identity/compact_jws.h"

namespace sluice::identity {
namespace {

namespace json = boost::json;

constexpr char kType[] = "sluice-ticket+jwt";
constexpr char kUse[] = "caller";
constexpr char kGatewayUse[] = "gateway";
constexpr size_t kLongest = 8 * 1024;
// Between replicas whose clocks differ.
constexpr std::chrono::seconds kSkew{30};

const JwsAlgorithm& EdDsa() { return *FindJwsAlgorithm("EdDSA"); }

Failure Invalid(const std::string& what) {
  return Fail(absl::StatusCode::kInvalidArgument, "TICKET_KEYS_INVALID", what);
}
Failure Malformed(std::string_view what) {
  return Fail(absl::StatusCode::kUnauthenticated, "TICKET_MALFORMED",
              "this is not a ticket: " + std::string(what));
}
Failure Rejected(std::string_view what) {
  return Fail(absl::StatusCode::kUnauthenticated, "TICKET_REJECTED",
              "the ticket is not accepted: " + std::string(what));
}

int64_t Seconds(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count();
}

json::object Write(const TicketParty& party) {
  return {{"prv", party.provider}, {"sub", party.subject}, {"clm", party.claims}};
}

std::optional<TicketParty> ReadParty(const json::value* value) {
  if (value == nullptr || !value->is_object()) return std::nullopt;
  const auto& object = value->get_object();
  const auto* claims = object.if_contains("clm");
  TicketParty out{std::string(JsonText(object, "prv")), std::string(JsonText(object, "sub")), {}};
  if (out.provider.empty() || out.subject.empty() || claims == nullptr || !claims->is_object())
    return std::nullopt;
  out.claims = claims->get_object();
  return out;
}

std::optional<Time> ReadTime(const json::object& claims, const char* name) {
  const auto* value = claims.if_contains(name);
  if (value == nullptr || !value->is_int64() || value->get_int64() < 0 || value->get_int64() > kLastSecond)
    return std::nullopt;
  return Time(std::chrono::seconds(value->get_int64()));
}

std::optional<Ticket> ReadTicket(const json::object& claims) {
  Ticket out;
  out.id = JsonText(claims, "jti");
  out.grant = JsonText(claims, "grt");
  const auto subject = ReadParty(claims.if_contains("for"));
  const auto issued = ReadTime(claims, "iat");
  const auto expires = ReadTime(claims, "exp");
  const auto* path = claims.if_contains("pth");
  const auto* operations = claims.if_contains("ops");
  if (out.id.empty() || out.grant.empty() || !subject || !issued || !expires || path == nullptr ||
      !path->is_string() || operations == nullptr || !operations->is_array())
    return std::nullopt;
  out.subject = *subject;
  out.issued = *issued;
  out.expires = *expires;
  out.path = JsonText(claims, "pth");
  for (const auto& item : operations->get_array()) {
    if (!item.is_string()) return std::nullopt;
    out.operations.emplace_back(item.get_string().data(), item.get_string().size());
  }
  if (const auto* actor = claims.if_contains("act")) {
    out.actor = ReadParty(actor);
    if (!out.actor) return std::nullopt;
  }
  return out.operations.empty() ? std::nullopt : std::optional(std::move(out));
}

bool IsKeyId(std::string_view id) {
  return !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TicketRing>> TicketRing::Make(const std::vector<TicketKey>& keys,
                                                                   std::string audience) {
  std::vector<Entry> entries;
  for (const TicketKey& key : keys) {
    if (!IsKeyId(key.id)) return Invalid("a key's id is 1 to 64 of letters, digits, . _ -");
    const bool taken =
        std::any_of(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.id == key.id; });
    if (taken) return Invalid("two keys have the id " + key.id);
    const std::string& pem = key.pem.Reveal();
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    // A password would be asked for on the terminal; an empty one fails instead.
    auto no_password = [](char*, int, int, void*) { return 0; };
    KeyHandle handle(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    if (!handle || EVP_PKEY_is_a(handle.get(), "ED25519") != 1)
      return Invalid("the key " + key.id +
                     " is no Ed25519 private key in PEM; make one with `openssl genpkey -algorithm ed25519`");
    entries.push_back({key.id, std::move(handle)});
  }
  if (entries.empty()) return Invalid("a ring needs at least one key");
  return std::shared_ptr<const TicketRing>(new TicketRing(std::move(entries), std::move(audience)));
}

std::shared_ptr<const TicketRing> TicketRing::Ephemeral(std::string audience) {
  std::vector<Entry> entries;
  entries.push_back({"ephemeral-" + crypto::HexLower(crypto::RandomBytes(4)),
                     KeyHandle(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"))});
  if (!entries.front().key) abort();  // only without memory or with a broken OpenSSL
  return std::shared_ptr<const TicketRing>(new TicketRing(std::move(entries), std::move(audience)));
}

SecretString TicketRing::Seal(Ticket& ticket) const {
  ticket.id = crypto::HexLower(crypto::RandomBytes(8));
  const Entry& entry = entries_.front();
  const json::object header{{"alg", "EdDSA"}, {"typ", kType}, {"kid", entry.id}};
  json::object claims{{"aud", audience_},
                      {"use", ticket.for_gateway ? kGatewayUse : kUse},
                      {"jti", ticket.id},
                      {"iat", Seconds(ticket.issued)},
                      {"exp", Seconds(ticket.expires)},
                      {"for", Write(ticket.subject)},
                      {"grt", ticket.grant},
                      {"pth", ticket.path},
                      {"ops", json::value_from(ticket.operations)}};
  if (ticket.actor) claims["act"] = Write(*ticket.actor);
  const std::string text = crypto::Base64UrlEncode(json::serialize(header)) + "." +
                           crypto::Base64UrlEncode(json::serialize(claims));
  const auto signature = JwsSign(EdDsa(), *entry.key, text);
  if (!signature) abort();  // the ring holds Ed25519 keys only
  return SecretString(text + "." + crypto::Base64UrlEncode(*signature));
}

absl::StatusOr<Ticket> TicketRing::Open(std::string_view text, Time now) const {
  const auto jws = ParseCompactJws(text, kLongest);
  if (!jws.ok()) return Malformed(FromAbsl(jws.status().message()));
  if (JsonText(jws->header, "typ") != kType) return Malformed("its type is not that of a ticket");
  if (jws->algorithm != EdDsa().name) return Rejected("its algorithm is not EdDSA");
  const auto entry =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& one) { return one.id == jws->kid; });
  if (entry == entries_.end()) return Rejected("its key is not in this broker's ring; ask for a new ticket");
  if (!JwsVerify(EdDsa(), *entry->key, jws->signed_text, jws->signature))
    return Rejected("its signature is wrong");
  const auto payload = ParseJson(jws->payload);
  if (!payload.ok() || !payload->is_object()) return Malformed("its claims are not one JSON object");
  const auto& claims = payload->get_object();
  if (JsonText(claims, "aud") != audience_) return Rejected("it is for another deployment");
  const std::string_view use = JsonText(claims, "use");
  if (use != kUse && use != kGatewayUse) return Rejected("it is for another use");
  auto ticket = ReadTicket(claims);
  if (!ticket) return Malformed("a claim is missing or of the wrong type");
  if (ticket->issued > now + kSkew) return Rejected("it was issued in the future; check the clocks");
  if (now >= ticket->expires)
    return Fail(absl::StatusCode::kUnauthenticated, "TICKET_EXPIRED",
                "the ticket has expired; ask whoever gave it for a new one");
  ticket->for_gateway = use == kGatewayUse;
  return *std::move(ticket);
}

}  // namespace sluice::identity
