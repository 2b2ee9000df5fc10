// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "common/aliyun/canonical_request.h"

namespace sluice::aliyun {

// Where requests for a bucket go, without a `/` at the end. `endpoint` is scheme and host: OSS's own hosts
// get the bucket in front, addresses and this machine get it as the first segment, any other host is a CNAME
// that stands for the bucket itself. Pure.
std::string OssBucketUrl(std::string_view endpoint, std::string_view bucket);

// `<bucket url>/<key>?<query>`, percent-encoded. Pure.
std::string OssObjectUrl(std::string_view bucket_url, std::string_view key, const Pairs& query);

}  // namespace sluice::aliyun
