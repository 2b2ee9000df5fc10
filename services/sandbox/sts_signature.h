// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "common/http/server.h"
#include "common/http/target.h"
#include "services/sandbox/fault.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// A call to STS as it came: query and form parameters together, the first of a name counts.
struct StsCall {
  http::RequestHead head;
  http::Target target;
  std::string body;
  std::map<std::string, std::string> parameters;
  std::string action;
  std::string version;
};

// The steps, from the request as it came. Pure.
// Of ACS3: the headers that `signed_headers` (`a;b`) names, the values of a name given twice sorted and
// joined.
std::string Acs3CanonicalRequest(const std::string& method, const std::string& path,
                                 const std::vector<std::pair<std::string, std::string>>& query,
                                 const http::Headers& headers, const std::string& signed_headers,
                                 const std::string& payload_sha256);
// Of the RPC form: every parameter but Signature.
std::string RpcStringToSign(const std::string& method, const std::map<std::string, std::string>& parameters);

// Who signed, by ACS3-HMAC-SHA256 or the older RPC form with HMAC-SHA1. `nonce` receives the call's nonce.
OrFault<std::shared_ptr<const Principal>> VerifyStsSignature(const StsCall& call, const World& world,
                                                             Time now, std::string& nonce);

}  // namespace sluice::sandbox
