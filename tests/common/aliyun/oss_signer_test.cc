// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oss_signer.h"

#include "common/base/iso_time.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "tests/support/status_matchers.h"
#include "tests/support/vectors.h"

namespace sluice::aliyun {
namespace {

using sluice::testing::Expected;
using sluice::testing::FailsWith;
using sluice::testing::Text;
using sluice::testing::Vectors;

OssRequest RequestOf(const boost::json::value& vector) {
  OssRequest out;
  out.method = Text(vector, "method");
  out.bucket = Text(vector, "bucket");
  out.key = Text(vector, "key");
  for (const auto& pair : vector.at("query").as_array()) {
    out.query.emplace_back(pair.at(0).as_string().c_str(), pair.at(1).as_string().c_str());
  }
  for (const auto& [name, value] : vector.at("headers").as_object()) {
    out.headers.emplace_back(std::string(name), value.as_string().c_str());
  }
  for (const auto& name : vector.at("additional_headers").as_array()) {
    out.additional_headers.emplace_back(name.as_string().c_str());
  }
  return out;
}

Credentials CredentialsOf(const boost::json::value& vector) {
  return {Text(vector, "access_key_id"), SecretString(Text(vector, "access_key_secret")),
          SecretString(Text(vector, "security_token")), std::nullopt};
}

std::string Find(const Pairs& pairs, std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return "";
}

TEST(OssSignerTest, AFormIsSignedAsItsVectorsSay) {
  for (const auto& vector : Vectors("oss-post-policy.json", "oss-post-policy-v4")) {
    OssSigner signer(Text(vector, "region"));
    const std::string policy = crypto::Base64Encode(Text(vector, "policy"));
    EXPECT_EQ(policy, Expected(vector, "policy_base64"));
    EXPECT_EQ(signer.SignForm(policy, CredentialsOf(vector), *ParseIsoBasic(Text(vector, "timestamp"))),
              Expected(vector, "x-oss-signature"))
        << Text(vector, "name");
  }
}

TEST(OssSignerTest, StepsAgreeWithThePublishedHeaderVectors) {
  for (const auto& vector : Vectors("oss-v4-header.json", "oss-v4-header")) {
    OssRequest request = RequestOf(vector);
    const std::string token = Text(vector, "security_token");
    bool carried = token.empty();
    for (const auto& [name, value] : request.headers) carried = carried || name == "x-oss-security-token";
    if (!carried) request.headers.emplace_back("x-oss-security-token", token);
    const std::string timestamp = Text(vector, "timestamp");
    const std::string date = timestamp.substr(0, 8);
    const std::string scope = OssScope(date, Text(vector, "region"), Text(vector, "product"));

    const std::string signature =
        OssSignature(OssSigningKey(SecretString(Text(vector, "access_key_secret")), date,
                                   Text(vector, "region"), Text(vector, "product")),
                     OssStringToSign(timestamp, scope, OssCanonicalRequest(request)));

    EXPECT_EQ(signature, Expected(vector, "signature")) << Text(vector, "name") << "\n"
                                                        << OssCanonicalRequest(request);
  }
}

TEST(OssSignerTest, PresignAgreesWithThePublishedVectors) {
  for (const auto& vector : Vectors("oss-v4-presign.json", "oss-v4-presign")) {
    OssSigner signer(Text(vector, "region"), Text(vector, "product"));

    auto query =
        signer.Presign(RequestOf(vector), CredentialsOf(vector), *ParseIsoBasic(Text(vector, "timestamp")),
                       std::chrono::seconds(vector.at("expires").to_number<int64_t>()));

    ASSERT_TRUE(query.ok()) << query.status();
    EXPECT_EQ(Find(*query, "x-oss-signature"), Expected(vector, "x-oss-signature")) << Text(vector, "name");
    EXPECT_EQ(Find(*query, "x-oss-credential"), Expected(vector, "x-oss-credential")) << Text(vector, "name");
    EXPECT_EQ(Find(*query, "x-oss-additional-headers"), Expected(vector, "x-oss-additional-headers"))
        << Text(vector, "name");
  }
}

TEST(OssSignerTest, HashAndLastStepAgreeWithTheDocumentationSample) {
  for (const auto& vector : Vectors("oss-v4-steps.json", "oss-v4-steps")) {
    const std::string canonical = Text(vector, "canonical_request");
    const std::string hex = Text(vector, "signing_key_hex");
    std::string key;
    for (size_t i = 0; i + 1 < hex.size(); i += 2)
      key += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));

    EXPECT_EQ(crypto::HexLower(crypto::Sha256(canonical)), Expected(vector, "canonical_request_sha256"));
    EXPECT_EQ(OssSignature(SecretString(key),
                           OssStringToSign(Text(vector, "timestamp"), Text(vector, "scope"), canonical)),
              Expected(vector, "signature"));
  }
}

TEST(OssSignerTest, HeaderFormCarriesTokenDateAndTheSameSignatureAgain) {
  OssSigner signer("cn-hangzhou");
  const Credentials credentials{"STS.id", SecretString("secret"), SecretString("token"), std::nullopt};
  const OssRequest request{"PUT", "b", "k", {}, {{"Content-Type", "text/plain"}}, {}};
  const Time now = *ParseIsoBasic("20260102T030405Z");

  const Pairs first = signer.SignHeaders(request, credentials, now);
  const Pairs again = signer.SignHeaders(request, credentials, now);

  EXPECT_EQ(first, again);
  EXPECT_EQ(Find(first, "x-oss-date"), "20260102T030405Z");
  EXPECT_EQ(Find(first, "x-oss-security-token"), "token");
  EXPECT_TRUE(Find(first, "Authorization")
                  .starts_with("OSS4-HMAC-SHA256 Credential=STS.id/20260102/cn-hangzhou/oss/"));
}

TEST(OssSignerTest, ManySecretsStayCorrectBeyondTheCache) {
  OssSigner signer("cn-hangzhou");
  const OssRequest request{"GET", "b", "k", {}, {}, {}};
  const Time now = *ParseIsoBasic("20260102T030405Z");
  auto sign = [&](int i) {
    return signer.SignHeaders(request, {"id", SecretString("secret" + std::to_string(i)), {}, std::nullopt},
                              now);
  };
  const Pairs first = sign(0);

  for (int i = 1; i < 600; ++i) EXPECT_NE(sign(i), first);

  EXPECT_EQ(sign(0), first);
}

TEST(OssSignerTest, RefusesLivesThatOssWouldRefuse) {
  OssSigner signer("cn-hangzhou");
  const Credentials credentials{"id", SecretString("secret"), {}, std::nullopt};
  for (int seconds : {-1, 0, 604801}) {
    EXPECT_THAT(
        signer.Presign({"GET", "b", "k", {}, {}, {}}, credentials, Time(), std::chrono::seconds(seconds)),
        FailsWith(absl::StatusCode::kInvalidArgument, "EXPIRY_INVALID"));
  }
}

}  // namespace
}  // namespace sluice::aliyun
