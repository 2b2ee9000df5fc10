// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_address.h"

#include "common/base/host.h"
#include "common/crypto/encoding.h"

namespace sluice::aliyun {

std::string OssBucketUrl(std::string_view endpoint, std::string_view bucket) {
  const size_t scheme = endpoint.find("://") + 3;
  const std::string_view address = endpoint.substr(scheme);
  const std::string_view host = address.starts_with('[') ? address.substr(0, address.find(']') + 1)
                                                         : address.substr(0, address.find(':'));
  if (IsNumericHost(host) || IsLoopbackHost(host)) return std::string(endpoint) + "/" + std::string(bucket);
  if (!host.ends_with(".aliyuncs.com")) return std::string(endpoint);
  return std::string(endpoint.substr(0, scheme)) + std::string(bucket) + "." + std::string(address);
}

std::string OssObjectUrl(std::string_view bucket_url, std::string_view key, const Pairs& query) {
  std::string out = std::string(bucket_url) + "/" + crypto::PercentEncode(key, true);
  char separator = '?';
  for (const auto& [name, value] : query) {
    out += separator + crypto::PercentEncode(name);
    if (!value.empty()) out += "=" + crypto::PercentEncode(value);
    separator = '&';
  }
  return out;
}

}  // namespace sluice::aliyun
