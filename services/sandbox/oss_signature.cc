// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_signature.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

#include "common/base/iso_time.h"
#include "common/base/text.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"

namespace sluice::sandbox {
namespace {

using Signer = std::shared_ptr<const Principal>;
using http::FindHeader;
using http::HasHeader;

constexpr auto kSkew = std::chrono::minutes(15);

// Queries that V1 signs, besides every `x-oss-*`.
constexpr std::array<std::string_view, 60> kSubResources = {"acl",
                                                            "append",
                                                            "bucketInfo",
                                                            "callback",
                                                            "callback-var",
                                                            "cloudboxes",
                                                            "cname",
                                                            "comp",
                                                            "continuation-token",
                                                            "cors",
                                                            "delete",
                                                            "encryption",
                                                            "endTime",
                                                            "img",
                                                            "inventory",
                                                            "inventoryId",
                                                            "lifecycle",
                                                            "live",
                                                            "location",
                                                            "logging",
                                                            "objectInfo",
                                                            "objectMeta",
                                                            "partNumber",
                                                            "policy",
                                                            "position",
                                                            "qos",
                                                            "referer",
                                                            "regionList",
                                                            "replication",
                                                            "replicationLocation",
                                                            "replicationProgress",
                                                            "requestPayment",
                                                            "resourceGroup",
                                                            "response-cache-control",
                                                            "response-content-disposition",
                                                            "response-content-encoding",
                                                            "response-content-language",
                                                            "response-content-type",
                                                            "response-expires",
                                                            "restore",
                                                            "security-token",
                                                            "sequential",
                                                            "startTime",
                                                            "stat",
                                                            "status",
                                                            "style",
                                                            "styleName",
                                                            "symlink",
                                                            "tagging",
                                                            "transferAcceleration",
                                                            "uploadId",
                                                            "uploads",
                                                            "versionId",
                                                            "versioning",
                                                            "versions",
                                                            "vod",
                                                            "website",
                                                            "worm",
                                                            "wormExtend",
                                                            "wormId"};

std::string Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return std::string(text);
}

std::string OneLine(std::string_view text) {
  std::string out;
  for (char c : text)
    out += c == '\n' ? std::string("\\n") : (c < 32 || c > 126) ? std::string("?") : std::string(1, c);
  return out;
}

Fault Argument(std::string message, std::string ec) {
  return {400, "InvalidArgument", std::move(message), std::move(ec), "the signature is malformed", {}};
}

Fault Mismatch(std::string ec, const std::string& access_key_id, const std::string& text,
               std::string_view canonical = {}) {
  Fault out{403,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check your key "
            "and signing method.",
            std::move(ec),
            "compare with our string to sign: " + OneLine(text),
            {{"OSSAccessKeyId", access_key_id}, {"StringToSign", text}}};
  if (!canonical.empty()) out.hint += " ; canonical request: " + OneLine(canonical);
  return out;
}

Fault Skewed(Time sent, Time now) {
  return {403,
          "RequestTimeTooSkewed",
          "The difference between the request time and the current time is too large.",
          "0002-00000504",
          "the request's time is more than 15 minutes from the sandbox's clock",
          {{"MaxAllowedSkewMilliseconds", "900000"},
           {"RequestTime", IsoZeroMillis(sent)},
           {"ServerTime", IsoZeroMillis(now)}}};
}

Fault Expired(std::string ec) {
  return {403, "AccessDenied", "Request has expired.", std::move(ec), "the signed URL is past its end", {}};
}

// Key known, token its own and alive.
OrFault<Signer> CheckKey(const World& world, std::string_view id, std::string_view token, Time now) {
  Signer signer = world.FindKey(id);
  if (!signer || (signer->is_session() && token.empty()) || (!signer->is_session() && !token.empty())) {
    const char* hint = !signer         ? "no such access key in this sandbox"
                       : token.empty() ? "this is an STS key: x-oss-security-token is missing"
                                       : "a security token was sent with a key that is no session";
    return Fault{403,
                 "InvalidAccessKeyId",
                 "The OSS Access Key Id you provided does not exist in our records.",
                 id.starts_with("STS.") ? "0002-00000002" : "0002-00000902",
                 hint,
                 {{"OSSAccessKeyId", std::string(id)}}};
  }
  if (signer->is_session() && !(SecretString(token) == signer->security_token)) {
    if (!token.starts_with("CAIS")) {
      return Fault{403,
                   "InvalidSecurityToken",
                   "The security token you provided is invalid.",
                   "0002-00000006",
                   "the token is garbled",
                   {}};
    }
    return Fault{403,
                 "AccessKeyIdAndSecurityTokenNotMatch",
                 "The AccessKeyId and SecurityToken do not match.",
                 "0002-00000004",
                 "key and token come from different sessions",
                 {}};
  }
  if (signer->is_session() && *signer->expires <= now) {
    return Fault{403,
                 "SecurityTokenExpired",
                 "The security token you provided has expired.",
                 "0002-00000007",
                 "the session ended at " + IsoExtended(*signer->expires),
                 {}};
  }
  return signer;
}

struct V4Claim {
  std::string access_key_id;
  std::string date;
  std::string region;
  std::string product;
  std::string scope;
  std::set<std::string> additional;
  std::string signature;
  std::string token;
};

// `<AK>/<date>/<region>/<product>/aliyun_v4_request`
std::optional<Fault> ReadCredential(std::string_view text, V4Claim& claim) {
  std::vector<std::string> parts;
  for (size_t from = 0;;) {
    const size_t slash = text.find('/', from);
    parts.emplace_back(text.substr(from, slash - from));
    if (slash == std::string_view::npos) break;
    from = slash + 1;
  }
  if (parts.size() != 5 || parts[0].empty() || parts[4] != "aliyun_v4_request") {
    return Argument("Invalid Credential in Authorization header.", "0002-00000206");
  }
  claim.access_key_id = parts[0];
  claim.date = parts[1];
  claim.region = parts[2];
  claim.product = parts[3];
  claim.scope = std::string(text.substr(parts[0].size() + 1));
  return std::nullopt;
}

void ReadAdditional(std::string_view text, V4Claim& claim) {
  while (!text.empty()) {
    const std::string_view name = text.substr(0, text.find(';'));
    if (!name.empty()) claim.additional.insert(Lower(name));
    text.remove_prefix(std::min(text.size(), name.size() + 1));
  }
}

std::string V4Canonical(const OssCall& call, const V4Claim& claim) {
  std::string out = call.head.method + "\n/";
  if (!call.bucket.empty())
    out += crypto::PercentEncode(call.bucket) + "/" + crypto::PercentEncode(call.key, true);
  out += "\n";
  std::multiset<std::pair<std::string, std::string>> query;
  for (const auto& [name, value] : call.target.query) {
    if (name != "x-oss-signature") query.emplace(crypto::PercentEncode(name), crypto::PercentEncode(value));
  }
  bool first = true;
  for (const auto& [name, value] : query) {
    out += (first ? "" : "&") + name + (value.empty() ? "" : "=" + value);
    first = false;
  }
  out += "\n";
  std::map<std::string, std::string> headers;
  for (const auto& [raw, value] : call.head.headers) {
    const std::string name = Lower(raw);
    const bool always = name == "content-type" || name == "content-md5" || name.starts_with("x-oss-");
    if (!always && !claim.additional.contains(name)) continue;
    auto [entry, fresh] = headers.emplace(name, Trim(value));
    if (!fresh) entry->second += "," + Trim(value);
  }
  for (const auto& [name, value] : headers) out += name + ":" + value + "\n";
  out += "\n";
  first = true;
  for (const std::string& name : claim.additional) {
    out += (first ? "" : ";") + name;
    first = false;
  }
  const std::string_view payload = FindHeader(call.head.headers, "x-oss-content-sha256");
  return out + "\n" + (payload.empty() ? "UNSIGNED-PAYLOAD" : std::string(payload));
}

OrFault<Signer> CheckV4(const OssCall& call, const V4Claim& claim, const std::string& timestamp,
                        const World& world, Time now) {
  if (claim.date != timestamp.substr(0, 8))
    return Argument("Invalid signing date in Authorization header.", "0002-00000223");
  if (claim.region != call.region)
    return Argument("Invalid signing region in Authorization header.", "0002-00000226");
  if (claim.product != "oss")
    return Argument("Invalid signing product in Authorization header.", "0002-00000227");
  auto checked = CheckKey(world, claim.access_key_id, claim.token, now);
  if (std::holds_alternative<Fault>(checked)) return checked;
  const Signer& signer = std::get<Signer>(checked);
  const std::string canonical = V4Canonical(call, claim);
  const std::string text = "OSS4-HMAC-SHA256\n" + timestamp + "\n" + claim.scope + "\n" +
                           crypto::HexLower(crypto::Sha256(canonical));
  std::string key = crypto::HmacSha256("aliyun_v4" + signer->secret.Reveal(), claim.date);
  for (const std::string& step : {claim.region, claim.product, std::string("aliyun_v4_request")})
    key = crypto::HmacSha256(key, step);
  if (!EqualsConstantTime(crypto::HexLower(crypto::HmacSha256(key, text)), claim.signature)) {
    return Mismatch("0002-00000201", claim.access_key_id, text, canonical);
  }
  return checked;
}

OrFault<Signer> V4Header(const OssCall& call, std::string_view authorization, const World& world, Time now) {
  authorization.remove_prefix(authorization.find(' ') + 1);
  V4Claim claim;
  bool has_credential = false;
  while (!authorization.empty()) {
    const std::string part = Trim(authorization.substr(0, authorization.find(',')));
    authorization.remove_prefix(
        std::min(authorization.size(), authorization.find(',') == std::string_view::npos
                                           ? authorization.size()
                                           : authorization.find(',') + 1));
    if (part.starts_with("Credential=")) {
      if (auto fault = ReadCredential(std::string_view(part).substr(11), claim)) return *fault;
      has_credential = true;
    } else if (part.starts_with("AdditionalHeaders=")) {
      ReadAdditional(std::string_view(part).substr(18), claim);
    } else if (part.starts_with("Signature=")) {
      claim.signature = part.substr(10);
    } else {
      return Argument("Authorization header is invalid.", "0002-00000202");
    }
  }
  if (!has_credential) return Argument("Invalid Credential in Authorization header.", "0002-00000206");
  if (claim.signature.empty()) return Argument("Invalid Signature in Authorization header.", "0002-00000207");
  // The Android SDK sends the basic ISO form in Date and no x-oss-date.
  std::string timestamp(FindHeader(call.head.headers, "x-oss-date"));
  if (timestamp.empty()) timestamp = FindHeader(call.head.headers, "Date");
  const auto sent = ParseIsoBasic(timestamp);
  if (!sent) {
    return Fault{403,
                 "AccessDenied",
                 "OSS authentication requires a valid Date.",
                 timestamp.empty() ? "0002-00000503" : "0002-00000502",
                 "x-oss-date must look like 20260102T030405Z",
                 {}};
  }
  if (*sent > now + kSkew || *sent < now - kSkew) return Skewed(*sent, now);
  if (HasHeader(call.head.headers, "x-oss-date") && !HasHeader(call.head.headers, "x-oss-content-sha256")) {
    return Argument("x-oss-content-sha256 is required.", "0002-00000202");
  }
  const std::string_view payload = FindHeader(call.head.headers, "x-oss-content-sha256");
  if (!payload.empty() && payload != "UNSIGNED-PAYLOAD")
    return Argument("x-oss-content-sha256 only supports UNSIGNED-PAYLOAD.", "0002-00000202");
  claim.token = FindHeader(call.head.headers, "x-oss-security-token");
  return CheckV4(call, claim, timestamp, world, now);
}

OrFault<Signer> V4Url(const OssCall& call, const World& world, Time now) {
  auto query = [&](std::string_view name) { return std::string(call.target.Find(name).value_or("")); };
  V4Claim claim;
  if (query("x-oss-signature-version") != "OSS4-HMAC-SHA256")
    return Argument("Invalid signature version.", "0002-00000202");
  if (auto fault = ReadCredential(query("x-oss-credential"), claim)) return *fault;
  ReadAdditional(query("x-oss-additional-headers"), claim);
  claim.signature = query("x-oss-signature");
  claim.token = query("x-oss-security-token");
  const std::string timestamp = query("x-oss-date");
  const auto sent = ParseIsoBasic(timestamp);
  if (!sent) return Argument("Invalid x-oss-date.", "0002-00000502");
  const std::string expires = query("x-oss-expires");
  int64_t life = 0;
  const auto [end, error] = std::from_chars(expires.data(), expires.data() + expires.size(), life);
  if (expires.empty()) return Argument("x-oss-expires is required.", "0002-00000215");
  if (error != std::errc() || end != expires.data() + expires.size() || life < 1 || life > 604800) {
    return Argument("x-oss-expires must be between 1 and 604800.", "0002-00000232");
  }
  if (*sent > now + kSkew) return Skewed(*sent, now);
  if (now >= *sent + std::chrono::seconds(life)) return Expired("0002-00000236");
  return CheckV4(call, claim, timestamp, world, now);
}

OrFault<Signer> CheckV1(const OssCall& call, std::string_view id, std::string_view token,
                        const std::string& signature, const std::string& date, const World& world, Time now) {
  auto checked = CheckKey(world, id, token, now);
  if (std::holds_alternative<Fault>(checked)) return checked;
  const std::string text = OssV1StringToSign(call, date);
  const std::string& secret = std::get<Signer>(checked)->secret.Reveal();
  if (!EqualsConstantTime(crypto::Base64Encode(crypto::HmacSha1(secret, text)), signature)) {
    return Mismatch("0002-00000040", std::string(id), text);
  }
  return checked;
}

OrFault<Signer> V1Header(const OssCall& call, std::string_view authorization, const World& world, Time now) {
  authorization.remove_prefix(4);
  const size_t colon = authorization.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return Argument("Authorization header is invalid.", "0002-00000062");
  std::string date(FindHeader(call.head.headers, "Date"));
  if (date.empty()) date = FindHeader(call.head.headers, "x-oss-date");
  const auto sent = ParseHttpDate(date);
  if (!sent) {
    return Fault{403,
                 "AccessDenied",
                 "OSS authentication requires a valid Date.",
                 date.empty() ? "0002-00000503" : "0002-00000502",
                 "V1 signatures need a Date in RFC 1123 form",
                 {}};
  }
  if (*sent > now + kSkew || *sent < now - kSkew) return Skewed(*sent, now);
  return CheckV1(call, authorization.substr(0, colon), FindHeader(call.head.headers, "x-oss-security-token"),
                 std::string(authorization.substr(colon + 1)), date, world, now);
}

OrFault<Signer> V1Url(const OssCall& call, const World& world, Time now) {
  const auto id = call.target.Find("OSSAccessKeyId");
  const auto expires = call.target.Find("Expires");
  const auto signature = call.target.Find("Signature");
  if (!id || !expires || !signature) {
    return Fault{403,
                 "AccessDenied",
                 "Query-string authentication requires the Signature, Expires and OSSAccessKeyId parameters",
                 "0002-00000073",
                 "one of the three is missing",
                 {}};
  }
  int64_t until = 0;
  const auto [end, error] = std::from_chars(expires->data(), expires->data() + expires->size(), until);
  if (error != std::errc() || end != expires->data() + expires->size()) {
    return Fault{403,
                 "AccessDenied",
                 "Invalid date (should be seconds since epoch)",
                 "0002-00000070",
                 "Expires is no number",
                 {}};
  }
  if (std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count() > until)
    return Expired("0002-00000069");
  return CheckV1(call, *id, call.target.Find("security-token").value_or(""), std::string(*signature),
                 std::string(*expires), world, now);
}

}  // namespace

OrFault<Signer> CheckOssKey(const World& world, std::string_view id, std::string_view token, Time now) {
  return CheckKey(world, id, token, now);
}

std::string OssV1StringToSign(const OssCall& call, const std::string& date) {
  std::string out = call.head.method + "\n" + std::string(FindHeader(call.head.headers, "Content-MD5")) +
                    "\n" + std::string(FindHeader(call.head.headers, "Content-Type")) + "\n" + date + "\n";
  std::map<std::string, std::string> headers;
  for (const auto& [raw, value] : call.head.headers) {
    const std::string name = Lower(raw);
    if (!name.starts_with("x-oss-")) continue;
    auto [entry, fresh] = headers.emplace(name, Trim(value));
    if (!fresh) entry->second += "," + Trim(value);
  }
  for (const auto& [name, value] : headers) out += name + ":" + value + "\n";
  out += "/";
  if (!call.bucket.empty()) out += call.bucket + "/" + call.key;
  std::map<std::string, std::string> sub;
  for (const auto& [name, value] : call.target.query) {
    if (name.starts_with("x-oss-") ||
        std::find(kSubResources.begin(), kSubResources.end(), name) != kSubResources.end()) {
      sub.emplace(name, value);
    }
  }
  char separator = '?';
  for (const auto& [name, value] : sub) {
    out += separator + name + (value.empty() ? "" : "=" + value);
    separator = '&';
  }
  return out;
}

OrFault<Signer> VerifyOssSignature(const OssCall& call, const World& world, Time now) {
  const std::string_view authorization = FindHeader(call.head.headers, "Authorization");
  const bool v4_url = call.target.Has("x-oss-signature") || call.target.Has("x-oss-credential");
  const bool v1_url = call.target.Has("OSSAccessKeyId") || call.target.Has("Signature");
  if (!authorization.empty() && (v4_url || v1_url))
    return Argument("Signature in both header and query.", "0002-00000202");
  if (authorization.starts_with("OSS4-HMAC-SHA256 ")) return V4Header(call, authorization, world, now);
  if (authorization.starts_with("OSS ")) return V1Header(call, authorization, world, now);
  if (!authorization.empty()) return Argument("Authorization header is invalid.", "0002-00000203");
  if (v4_url) return V4Url(call, world, now);
  if (v1_url) return V1Url(call, world, now);
  return Signer();
}

}  // namespace sluice::sandbox
