// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/api_signer.h"

#include "common/base/iso_time.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"

namespace sluice::aliyun {
namespace {

constexpr char kAlgorithm[] = "ACS3-HMAC-SHA256";

std::string_view HostOf(std::string_view endpoint) {
  if (auto scheme = endpoint.find("://"); scheme != std::string_view::npos)
    endpoint.remove_prefix(scheme + 3);
  return endpoint.substr(0, endpoint.find('/'));
}

std::string FormBody(const Pairs& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters) {
    if (!out.empty()) out += '&';
    out += crypto::PercentEncode(name) + "=" + crypto::PercentEncode(value);
  }
  return out;
}

}  // namespace

std::string ApiStringToSign(std::string_view canonical_request) {
  return std::string(kAlgorithm) + "\n" + crypto::HexLower(crypto::Sha256(canonical_request));
}

std::string ApiSignature(const SecretString& secret, std::string_view string_to_sign) {
  return crypto::HexLower(crypto::HmacSha256(secret.Reveal(), string_to_sign));
}

http::Request SignApiCall(const ApiCall& call, const Credentials& credentials, Time now,
                          std::string_view nonce) {
  http::Request out;
  out.method = "POST";
  out.url = call.endpoint + "/";
  out.body = FormBody(call.parameters);
  const std::string payload = crypto::HexLower(crypto::Sha256(out.body));
  out.headers = {{"host", std::string(HostOf(call.endpoint))},
                 {"content-type", "application/x-www-form-urlencoded"},
                 {"x-acs-action", call.action},
                 {"x-acs-version", call.version},
                 {"x-acs-date", IsoExtended(now)},
                 {"x-acs-signature-nonce", std::string(nonce)},
                 {"x-acs-content-sha256", payload}};
  if (!credentials.security_token.empty()) {
    out.headers.emplace_back("x-acs-security-token", credentials.security_token.Reveal());
  }
  const ApiRequest request{"POST", "/", {}, out.headers, payload};
  out.headers.emplace_back(
      "Authorization",
      std::string(kAlgorithm) + " Credential=" + credentials.access_key_id +
          ",SignedHeaders=" + ApiSignedHeaders(request) + ",Signature=" +
          ApiSignature(credentials.access_key_secret, ApiStringToSign(ApiCanonicalRequest(request))));
  return out;
}

}  // namespace sluice::aliyun
