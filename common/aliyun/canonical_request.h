// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The texts that OSS V4 and ACS3 signatures are made over. Pure. Source: oss-sts wire facts, vendor's
// signature pages.
namespace sluice::aliyun {

// Decoded names and values, in any order.
using Pairs = std::vector<std::pair<std::string, std::string>>;

// A request to OSS as it is signed.
struct OssRequest {
  std::string method;
  // Empty bucket: service level. Empty key: bucket level.
  std::string bucket;
  std::string key;
  Pairs query;
  // Any case; content-type, content-md5, x-oss-* and `additional_headers` are signed, others ignored.
  Pairs headers;
  std::vector<std::string> additional_headers;
};

// `/bucket/key` percent-encoded with slashes kept; `/bucket/` for a bucket, `/` for the service.
std::string OssCanonicalUri(std::string_view bucket, std::string_view key);
// Sorted by encoded name, then value; an empty value is signed as the bare name.
std::string OssCanonicalQuery(const Pairs& query);
// The additional headers that count: lower case, sorted, present in the request, not signed anyway; joined
// with `;`.
std::string OssAdditionalHeaders(const OssRequest& request);
std::string OssCanonicalRequest(const OssRequest& request);

// A request to an ACS3 service. Every header is signed.
struct ApiRequest {
  std::string method;
  std::string path = "/";
  Pairs query;
  Pairs headers;
  // Lower-case hex SHA-256 of the body.
  std::string payload_sha256;
};

// `a;b`: the lower-case names, sorted, each once.
std::string ApiSignedHeaders(const ApiRequest& request);
// Unlike OSS, `k=` keeps its equals sign; the values of a name given twice are sorted and joined.
std::string ApiCanonicalRequest(const ApiRequest& request);

}  // namespace sluice::aliyun
