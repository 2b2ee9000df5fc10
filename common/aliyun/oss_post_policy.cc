// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_post_policy.h"

#include "boost/json.hpp"
#include "common/base/iso_time.h"
#include "common/base/text.h"
#include "common/crypto/encoding.h"

namespace sluice::aliyun {
namespace {

namespace json = boost::json;

// As a condition names a field: OSS's samples write them in lower case, and compare without it.
std::string Field(std::string_view name) { return "$" + Lower(name); }

}  // namespace

std::string OssPostPolicy(const OssForm& form, const Pairs& signing, Time expires) {
  json::array conditions;
  conditions.push_back(json::object{{"bucket", form.bucket}});
  for (const auto& [name, value] : signing) conditions.push_back(json::object{{name, value}});
  conditions.push_back(json::array{form.key_is_prefix ? "starts-with" : "eq", "$key", form.key});
  conditions.push_back(json::array{"content-length-range", form.min_length, form.max_length});
  for (const auto& [name, value] : form.exact_fields)
    conditions.push_back(json::array{"eq", Field(name), value});
  for (const auto& [name, value] : form.prefix_fields)
    conditions.push_back(json::array{"starts-with", Field(name), value});
  for (const auto& [name, values] : form.listed_fields)
    conditions.push_back(json::array{"in", Field(name), json::value_from(values)});
  return json::serialize(
      json::object{{"expiration", IsoZeroMillis(expires)}, {"conditions", std::move(conditions)}});
}

Pairs SignOssForm(OssSigner& signer, const OssForm& form, const Credentials& credentials, Time now,
                  Time expires) {
  Pairs signing = signer.FormFields(credentials, now);
  const std::string policy = crypto::Base64Encode(OssPostPolicy(form, signing, expires));
  Pairs out{{"key", form.key + (form.key_is_prefix ? "${filename}" : "")}};
  out.insert(out.end(), form.exact_fields.begin(), form.exact_fields.end());
  out.insert(out.end(), signing.begin(), signing.end());
  out.emplace_back("policy", policy);
  out.emplace_back("x-oss-signature", signer.SignForm(policy, credentials, now));
  return out;
}

}  // namespace sluice::aliyun
