// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "common/http/server.h"
#include "common/http/target.h"
#include "services/sandbox/fault.h"
#include "services/sandbox/world.h"

namespace sluice::sandbox {

// A request to OSS as it came, with bucket and key located.
struct OssCall {
  http::RequestHead head;
  http::Target target;
  std::string bucket;
  std::string key;
  // Region of the bucket; the signature must name it.
  std::string region;
};

// What a V1 signature is over; `date` is the text of the Date header, of x-oss-date, or of Expires. Pure.
std::string OssV1StringToSign(const OssCall& call, const std::string& date);

// Rebuilds the signature from the received bytes: V4 or V1, in headers or in the query. Returns who signed;
// null for an anonymous request. Also judges clock skew, expiry of URL and token, and that key and token
// belong together. Pure but for the world's keys.
OrFault<std::shared_ptr<const Principal>> VerifyOssSignature(const OssCall& call, const World& world,
                                                             Time now);

// The session or user of a key id and token, both alive and belonging together.
OrFault<std::shared_ptr<const Principal>> CheckOssKey(const World& world, std::string_view id,
                                                      std::string_view token, Time now);

}  // namespace sluice::sandbox
