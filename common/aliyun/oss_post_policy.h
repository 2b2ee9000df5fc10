// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/aliyun/canonical_request.h"
#include "common/aliyun/oss_signer.h"

namespace sluice::aliyun {

// What a form may put, as OSS's POST policy says it.
struct OssForm {
  std::string bucket;
  // The key, or with `key_is_prefix` what it begins with.
  std::string key;
  bool key_is_prefix = false;
  uint64_t min_length = 0;
  uint64_t max_length = 0;
  // Fields of the form that must have exactly this value, besides the signature's own.
  Pairs exact_fields;
  // Fields that must begin with this text.
  Pairs prefix_fields;
  // Fields that must have one of these values.
  std::vector<std::pair<std::string, std::vector<std::string>>> listed_fields;
};

// The policy document: canonical JSON, so that the same form gives the same bytes. `signing` holds the fields
// that OSS wants repeated in a V4 policy. Pure.
std::string OssPostPolicy(const OssForm& form, const Pairs& signing, Time expires);

// Every field of the form but the file, signed with V4: the policy, the signature's own, the exact ones, and
// `key` (which ends in OSS's `${filename}` for a prefix). `expires` is not after the credentials' own end.
Pairs SignOssForm(OssSigner& signer, const OssForm& form, const Credentials& credentials, Time now,
                  Time expires);

}  // namespace sluice::aliyun
