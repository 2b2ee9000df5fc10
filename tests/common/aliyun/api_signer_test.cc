// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/api_signer.h"

#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "gmock/gmock.h"
#include "tests/support/vectors.h"

namespace sluice::aliyun {
namespace {

using sluice::testing::Expected;
using sluice::testing::Text;
using sluice::testing::Vectors;

TEST(ApiSignerTest, StepsAgreeWithThePublishedVectors) {
  for (const auto& vector : Vectors("acs3.json", "acs3")) {
    ApiRequest request{Text(vector, "method"), Text(vector, "path"), {}, {}, Text(vector, "payload_sha256")};
    for (const auto& pair : vector.at("query").as_array()) {
      request.query.emplace_back(pair.at(0).as_string().c_str(), pair.at(1).as_string().c_str());
    }
    for (const auto& pair : vector.at("headers").as_array()) {
      request.headers.emplace_back(pair.at(0).as_string().c_str(), pair.at(1).as_string().c_str());
    }

    const std::string canonical = ApiCanonicalRequest(request);

    if (const std::string hash = Expected(vector, "canonical_request_sha256"); !hash.empty()) {
      EXPECT_EQ(crypto::HexLower(crypto::Sha256(canonical)), hash) << Text(vector, "name") << "\n"
                                                                   << canonical;
    }
    EXPECT_EQ(ApiSignature(SecretString(Text(vector, "access_key_secret")), ApiStringToSign(canonical)),
              Expected(vector, "signature"))
        << Text(vector, "name");
  }
}

TEST(ApiSignerTest, CallIsAFormPostWithEverySignedHeader) {
  const ApiCall call{
      "https://sts.cn-hangzhou.aliyuncs.com", "AssumeRole", "2015-04-01", {{"Policy", "{\"a\":1}"}}};
  const Credentials credentials{"id", SecretString("secret"), SecretString("token"), std::nullopt};

  const http::Request request = SignApiCall(call, credentials, *ParseIsoBasic("20260102T030405Z"), "n1");

  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.url, "https://sts.cn-hangzhou.aliyuncs.com/");
  EXPECT_EQ(request.body, "Policy=%7B%22a%22%3A1%7D");
  EXPECT_EQ(http::FindHeader(request.headers, "x-acs-date"), "2026-01-02T03:04:05Z");
  EXPECT_THAT(
      std::string(http::FindHeader(request.headers, "Authorization")),
      ::testing::HasSubstr("SignedHeaders=content-type;host;x-acs-action;x-acs-content-sha256;x-acs-date;"
                           "x-acs-security-token;x-acs-signature-nonce;x-acs-version,"));
}

}  // namespace
}  // namespace sluice::aliyun
