// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/aliyun/canonical_request.h"
#include "common/aliyun/credentials.h"
#include "common/http/message.h"

// ACS3-HMAC-SHA256, as STS takes it. Pure.
namespace sluice::aliyun {

std::string ApiStringToSign(std::string_view canonical_request);
// Lower-case hex; the key is the secret itself.
std::string ApiSignature(const SecretString& secret, std::string_view string_to_sign);

struct ApiCall {
  // Scheme and host, for example `https://sts.cn-hangzhou.aliyuncs.com`.
  std::string endpoint;
  std::string action;
  std::string version;
  // Sent as a form body.
  Pairs parameters;
};

// A POST ready to send. `nonce` must differ on every attempt.
http::Request SignApiCall(const ApiCall& call, const Credentials& credentials, Time now,
                          std::string_view nonce);

}  // namespace sluice::aliyun
