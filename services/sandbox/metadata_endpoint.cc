// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/metadata_endpoint.h"

#include <charconv>

#include "boost/json.hpp"
#include "common/base/iso_time.h"
#include "common/base/secret_string.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "common/crypto/random.h"
#include "services/sandbox/collected.h"
#include "services/sandbox/refusal_log.h"

namespace sluice::sandbox {
namespace {

namespace json = boost::json;
using Outcome = FaultDecision::Outcome;

constexpr std::string_view kTokens = "/latest/api/token";
constexpr std::string_view kRoles = "/latest/meta-data/ram/security-credentials";
constexpr std::string_view kUri = "/credentials";
constexpr int64_t kLongestToken = 21600;

std::string_view Path(const http::RequestHead& head) {
  return std::string_view(head.target).substr(0, head.target.find('?'));
}

std::optional<int64_t> Number(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

int64_t Seconds(Time time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

MetadataEndpoint::MetadataEndpoint(World& world, const Clock& clock, FaultScript& faults, telemetry::Log& log)
    : world_(world),
      clock_(clock),
      faults_(faults),
      log_(log),
      session_(world),
      key_(crypto::RandomBytes(32)) {}

std::unique_ptr<http::Exchange> MetadataEndpoint::Start(http::RequestHead head) {
  return CollectAndRespond(
      [this, head = std::move(head)](const std::string&, http::Exchange::Respond respond) mutable {
        const std::string_view service = Path(head) == kUri ? "uri" : "metadata";
        faults_.Serve(
            service, "",
            [this, head = std::move(head)](const FaultDecision& decision) { return Answer(head, decision); },
            std::move(respond));
      });
}

http::Answer MetadataEndpoint::Answer(const http::RequestHead& head, const FaultDecision& decision) {
  const Time now = clock_.Now() + decision.clock;
  switch (decision.outcome) {
    case Outcome::kReset:
    case Outcome::kGarbage:
    case Outcome::kStall:
      return BrokenAnswer(decision);
    case Outcome::kThrottle:
      return Refuse(head, 429, "TooManyRequests", "a throttle is armed");
    case Outcome::kError:
      return Refuse(head, decision.status, "InternalError", "an error is armed");
    default:  // what is left is OSS's alone
      break;
  }
  const std::string_view path = Path(head);
  if (path == kTokens && !decision.v2_off) {
    if (head.method == "PUT") return NewToken(head, now);
    return Refuse(head, 405, "MethodNotAllowed", "a token is asked for with PUT");
  }
  if (path != kUri && path != kRoles && !path.starts_with(std::string(kRoles) + "/"))
    return Refuse(
        head, 404, "NotFound",
        "here are " + std::string(kTokens) + ", " + std::string(kRoles) + "/ and " + std::string(kUri));
  if (head.method != "GET") return Refuse(head, 405, "MethodNotAllowed", "it is read with GET");
  if (path != kUri) {
    const std::string_view token = http::FindHeader(head.headers, "X-aliyun-ecs-metadata-token");
    if (!token.empty() && !decision.v2_off) {
      if (!TokenIsGood(token, now))
        return Refuse(head, 401, "InvalidToken", "the token is not of this service, or has expired");
    } else if (decision.v1_off) {
      return Refuse(head, 403, "Forbidden", "only with X-aliyun-ecs-metadata-token: v1 is off");
    }
  }
  return Credentials(head, now);
}

http::Answer MetadataEndpoint::Refuse(const http::RequestHead& head, int status, const char* code,
                                      std::string why) {
  const Fault fault{status, code, why, "", why, {}};
  LogRefusal(log_, "metadata", fault, head, "");
  return {status, {{"Content-Type", "text/plain"}, {"x-sluice-hint", why}}, why + "\n", nullptr};
}

http::Answer MetadataEndpoint::NewToken(const http::RequestHead& head, Time now) {
  const auto ttl = Number(http::FindHeader(head.headers, "X-aliyun-ecs-metadata-token-ttl-seconds"));
  if (ttl.value_or(0) < 1 || *ttl > kLongestToken) {
    return Refuse(head, 400, "BadRequest",
                  "X-aliyun-ecs-metadata-token-ttl-seconds must be 1 to " + std::to_string(kLongestToken));
  }
  const std::string text =
      std::to_string(Seconds(now) + *ttl) + "." + crypto::HexLower(crypto::RandomBytes(8));
  return {200,
          {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}},
          crypto::Base64Encode(text + "." + Mac(text)),
          nullptr};
}

std::string MetadataEndpoint::Mac(std::string_view text) const {
  return crypto::HexLower(crypto::HmacSha256(key_, text));
}

bool MetadataEndpoint::TokenIsGood(std::string_view token, Time now) const {
  const std::string text = crypto::Base64Decode(token).value_or("");
  const size_t mac = text.rfind('.');
  if (mac == std::string::npos || !EqualsConstantTime(Mac(text.substr(0, mac)), text.substr(mac + 1)))
    return false;
  const auto expires = Number(std::string_view(text).substr(0, text.find('.')));
  return expires && Seconds(now) < *expires;
}

http::Answer MetadataEndpoint::Credentials(const http::RequestHead& head, Time now) {
  const Role* role = world_.instance_role();
  if (role == nullptr) return Refuse(head, 404, "NotFound", "this world has no instance_role");
  const std::string_view path = Path(head);
  http::Headers headers = {{"Content-Type", "text/plain"}, {"Cache-Control", "no-store"}};
  if (path != kUri) {
    const std::string_view name = path.substr(std::min(path.size(), kRoles.size() + 1));
    if (name.empty()) return {200, headers, role->name, nullptr};
    if (name != role->name) return Refuse(head, 404, "NotFound", "this instance's role is " + role->name);
  }
  const auto [session, updated] = session_.Get(now);
  headers[0].second = "application/json";
  return {200, headers,
          json::serialize(json::object{{"Code", "Success"},
                                       {"AccessKeyId", session->access_key_id},
                                       {"AccessKeySecret", session->secret.Reveal()},
                                       {"SecurityToken", session->security_token.Reveal()},
                                       {"Expiration", IsoExtended(*session->expires)},
                                       {"LastUpdated", IsoExtended(updated)}}),
          nullptr};
}

}  // namespace sluice::sandbox
