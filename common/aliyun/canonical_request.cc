// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/canonical_request.h"

#include <algorithm>
#include <map>
#include <set>

#include "common/base/text.h"
#include "common/crypto/encoding.h"

namespace sluice::aliyun {
namespace {

using crypto::PercentEncode;

std::string_view Trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::string CanonicalQuery(const Pairs& query, bool bare_when_empty) {
  std::vector<std::pair<std::string, std::string>> encoded;
  encoded.reserve(query.size());
  for (const auto& [name, value] : query) encoded.emplace_back(PercentEncode(name), PercentEncode(value));
  std::sort(encoded.begin(), encoded.end());
  std::string out;
  for (const auto& [name, value] : encoded) {
    if (!out.empty()) out += '&';
    out += name;
    if (!value.empty() || !bare_when_empty) out += '=' + value;
  }
  return out;
}

bool SignedAnyway(std::string_view lower_name) {
  return lower_name == "content-type" || lower_name == "content-md5" || lower_name.starts_with("x-oss-");
}

}  // namespace

std::string OssCanonicalUri(std::string_view bucket, std::string_view key) {
  if (bucket.empty()) return "/";
  return "/" + PercentEncode(bucket) + "/" + PercentEncode(key, true);
}

std::string OssCanonicalQuery(const Pairs& query) { return CanonicalQuery(query, true); }

std::string OssAdditionalHeaders(const OssRequest& request) {
  std::set<std::string> present;
  for (const auto& [name, value] : request.headers) present.insert(Lower(name));
  std::set<std::string> counted;
  for (const std::string& name : request.additional_headers) {
    std::string lower = Lower(name);
    if (present.contains(lower) && !SignedAnyway(lower)) counted.insert(std::move(lower));
  }
  std::string out;
  for (const std::string& name : counted) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string OssCanonicalRequest(const OssRequest& request) {
  const std::string additional = OssAdditionalHeaders(request);
  const std::string bounded = ";" + additional + ";";
  std::map<std::string, std::string> headers;
  std::string payload = "UNSIGNED-PAYLOAD";
  for (const auto& [name, value] : request.headers) {
    std::string lower = Lower(name);
    if (lower == "x-oss-content-sha256") payload = Trim(value);
    if (!SignedAnyway(lower) && bounded.find(";" + lower + ";") == std::string::npos) continue;
    auto [entry, fresh] = headers.try_emplace(std::move(lower), Trim(value));
    if (!fresh) entry->second.append(",").append(Trim(value));
  }
  std::string out = request.method + "\n" + OssCanonicalUri(request.bucket, request.key) + "\n" +
                    OssCanonicalQuery(request.query) + "\n";
  for (const auto& [name, value] : headers) out += name + ":" + value + "\n";
  return out + "\n" + additional + "\n" + payload;
}

std::string ApiSignedHeaders(const ApiRequest& request) {
  std::set<std::string> names;
  for (const auto& [name, value] : request.headers) names.insert(Lower(name));
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ";") + name;
  return out;
}

std::string ApiCanonicalRequest(const ApiRequest& request) {
  std::map<std::string, std::multiset<std::string>> headers;
  for (const auto& [name, value] : request.headers) headers[Lower(name)].emplace(Trim(value));
  std::string out = request.method + "\n" + PercentEncode(request.path, true) + "\n" +
                    CanonicalQuery(request.query, false) + "\n";
  for (const auto& [name, values] : headers) {
    std::string joined;
    for (const std::string& value : values) joined += (joined.empty() ? "" : ",") + value;
    out += name + ":" + joined + "\n";
  }
  return out + "\n" + ApiSignedHeaders(request) + "\n" + request.payload_sha256;
}

}  // namespace sluice::aliyun
