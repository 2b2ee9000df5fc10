// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sts_signature.h"

#include <algorithm>
#include <set>

#include "common/base/iso_time.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"

namespace sluice::sandbox {
namespace {

using Signer = std::shared_ptr<const Principal>;
using http::FindHeader;

std::string OneLine(std::string text) {
  for (char& c : text) c = c == '\n' ? '|' : (c < 32 || c > 126) ? '?' : c;
  return text;
}

Fault Incomplete(std::string what) {
  return {400, "IncompleteSignature", "The request signature does not conform to Alibaba Cloud standards.",
          "",  std::move(what),       {}};
}

Fault Mismatch(const std::string& text) {
  return {400,
          "SignatureDoesNotMatch",
          "Specified signature is not matched with our calculation. server string to sign is:" + text,
          "",
          "compare with our string to sign: " + OneLine(text),
          {}};
}

OrFault<Signer> CheckKey(const World& world, const std::string& id, const std::string& token, Time now) {
  Signer signer = world.FindKey(id);
  if (!signer || (signer->is_session() && *signer->expires <= now)) {
    return Fault{404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.",
                 "",  "unknown or expired key",      {}};
  }
  if (signer->is_session() && token.empty()) {
    return Fault{400, "MissingSecurityToken",       "SecurityToken is mandatory for this action.",
                 "",  "an STS key needs its token", {}};
  }
  if (!(SecretString(token) == signer->security_token)) {
    return Fault{400,
                 "InvalidSecurityToken.MismatchWithAccessKey",
                 "The security token does not belong to the access key.",
                 "",
                 "key and token come from different sessions",
                 {}};
  }
  return signer;
}

std::optional<Fault> CheckTime(const std::string& text, Time now) {
  // ali-oss sends milliseconds.
  std::string seconds = text;
  if (seconds.size() == 24 && seconds[19] == '.') seconds.erase(19, 4);
  const auto sent = ParseIsoExtended(seconds);
  if (!sent)
    return Fault{400,
                 "InvalidTimeStamp.Format",
                 "Specified time stamp or date value is not well formatted.",
                 "",
                 "bad time",
                 {}};
  if (*sent > now + std::chrono::minutes(15) || *sent < now - std::chrono::minutes(15)) {
    return Fault{400,
                 "InvalidTimeStamp.Expired",
                 "Specified time stamp or date value is expired.",
                 "",
                 "more than 15 minutes from the sandbox's clock",
                 {}};
  }
  return std::nullopt;
}

std::string Joined(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : pairs)
    encoded.emplace_back(crypto::PercentEncode(name), crypto::PercentEncode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

// The value that follows `name=` in the Authorization header.
std::string Part(std::string_view authorization, std::string_view name) {
  const size_t at = authorization.find(name);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = authorization.substr(at + name.size());
  return std::string(rest.substr(0, rest.find(',')));
}

// A header outside SignedHeaders could be changed on the way, so whatever steers the call must be in it.
std::optional<Fault> CheckSignedHeaders(const http::Headers& headers, std::string_view names) {
  const std::string list = ";" + std::string(names) + ";";
  for (const auto& [raw, value] : headers) {
    std::string name = raw;
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if ((name == "host" || name.starts_with("x-acs-")) && list.find(";" + name + ";") == std::string::npos)
      return Incomplete(OneLine(name) + " is not in SignedHeaders");
  }
  return std::nullopt;
}

OrFault<Signer> Acs3(const StsCall& call, std::string_view authorization, const World& world, Time now,
                     std::string& nonce) {
  const std::string id = Part(authorization, "Credential=");
  const std::string names = Part(authorization, "SignedHeaders=");
  const std::string signature = Part(authorization, "Signature=");
  if (id.empty() || names.empty() || signature.empty())
    return Incomplete("Credential, SignedHeaders or Signature is missing");
  if (auto fault = CheckSignedHeaders(call.head.headers, names)) return *fault;
  nonce = FindHeader(call.head.headers, "x-acs-signature-nonce");
  if (nonce.empty()) return Incomplete("x-acs-signature-nonce is missing");
  if (auto fault = CheckTime(std::string(FindHeader(call.head.headers, "x-acs-date")), now)) return *fault;
  const std::string payload = crypto::HexLower(crypto::Sha256(call.body));
  if (FindHeader(call.head.headers, "x-acs-content-sha256") != payload)
    return Incomplete("x-acs-content-sha256 is not that of the body");
  auto checked = CheckKey(world, id, std::string(FindHeader(call.head.headers, "x-acs-security-token")), now);
  if (std::holds_alternative<Fault>(checked)) return checked;

  const std::string canonical = Acs3CanonicalRequest(call.head.method, call.target.path, call.target.query,
                                                     call.head.headers, names, payload);
  const std::string text = "ACS3-HMAC-SHA256\n" + crypto::HexLower(crypto::Sha256(canonical));
  const std::string& secret = std::get<Signer>(checked)->secret.Reveal();
  if (!EqualsConstantTime(crypto::HexLower(crypto::HmacSha256(secret, text)), signature))
    return Mismatch(canonical);
  return checked;
}

OrFault<Signer> Rpc(const StsCall& call, const World& world, Time now, std::string& nonce) {
  auto parameter = [&](const std::string& name) {
    auto found = call.parameters.find(name);
    return found == call.parameters.end() ? std::string() : found->second;
  };
  for (const char* name :
       {"AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"}) {
    if (parameter(name).empty()) return Incomplete(std::string(name) + " is missing");
  }
  if (parameter("SignatureMethod") != "HMAC-SHA1" || parameter("SignatureVersion") != "1.0") {
    return Incomplete("SignatureMethod must be HMAC-SHA1 and SignatureVersion 1.0");
  }
  nonce = parameter("SignatureNonce");
  if (auto fault = CheckTime(parameter("Timestamp"), now)) return *fault;
  auto checked = CheckKey(world, parameter("AccessKeyId"), parameter("SecurityToken"), now);
  if (std::holds_alternative<Fault>(checked)) return checked;
  const std::string text = RpcStringToSign(call.head.method, call.parameters);
  const std::string& secret = std::get<Signer>(checked)->secret.Reveal();
  if (!EqualsConstantTime(crypto::Base64Encode(crypto::HmacSha1(secret + "&", text)), parameter("Signature")))
    return Mismatch(text);
  return checked;
}

}  // namespace

std::string Acs3CanonicalRequest(const std::string& method, const std::string& path,
                                 const std::vector<std::pair<std::string, std::string>>& query,
                                 const http::Headers& headers, const std::string& signed_headers,
                                 const std::string& payload_sha256) {
  std::string canonical = method + "\n" + path + "\n" + Joined(query) + "\n";
  std::string_view left = signed_headers;
  while (!left.empty()) {
    const std::string_view name = left.substr(0, left.find(';'));
    left.remove_prefix(std::min(left.size(), name.size() + 1));
    std::multiset<std::string> values;
    for (const auto& [key, value] : headers) {
      if (!http::SameName(key, name)) continue;
      const size_t first = value.find_first_not_of(' ');
      values.insert(
          first == std::string::npos ? "" : value.substr(first, value.find_last_not_of(' ') - first + 1));
    }
    canonical += std::string(name) + ":";
    for (auto value = values.begin(); value != values.end(); ++value)
      canonical += (value == values.begin() ? "" : ",") + *value;
    canonical += "\n";
  }
  canonical += "\n" + signed_headers + "\n" + payload_sha256;
  return canonical;
}

std::string RpcStringToSign(const std::string& method, const std::map<std::string, std::string>& parameters) {
  std::vector<std::pair<std::string, std::string>> pairs(parameters.begin(), parameters.end());
  std::erase_if(pairs, [](const auto& pair) { return pair.first == "Signature"; });
  return method + "&%2F&" + crypto::PercentEncode(Joined(pairs));
}

OrFault<Signer> VerifyStsSignature(const StsCall& call, const World& world, Time now, std::string& nonce) {
  const std::string_view authorization = FindHeader(call.head.headers, "Authorization");
  if (authorization.starts_with("ACS3-HMAC-SHA256 ")) return Acs3(call, authorization, world, now, nonce);
  if (!authorization.empty()) return Incomplete("the Authorization header is not ACS3-HMAC-SHA256");
  return Rpc(call, world, now, nonce);
}

}  // namespace sluice::sandbox
