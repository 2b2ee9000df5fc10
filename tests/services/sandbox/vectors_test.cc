// SPDX-License-Identifier: Apache-2.0
// Published vectors that the sandbox's own steps must give; the whole judgements are in the tests beside this
// one.
#include "tests/support/vectors.h"

#include <pugixml.hpp>
#include <set>

#include "common/aliyun/oss_error.h"
#include "common/base/iso_time.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "services/sandbox/oss_operation.h"
#include "services/sandbox/oss_xml.h"
#include "services/sandbox/sts_signature.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::Expected;
using sluice::testing::Text;
using sluice::testing::Vectors;

std::string Plain(const boost::json::value& value) {
  return {value.as_string().data(), value.as_string().size()};
}

std::vector<std::pair<std::string, std::string>> PairsOf(const boost::json::value& list) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& pair : list.as_array()) out.emplace_back(Plain(pair.at(0)), Plain(pair.at(1)));
  return out;
}
std::map<std::string, std::string> MapOf(const boost::json::value& object) {
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : object.as_object())
    out[std::string(name.data(), name.size())] = Plain(value);
  return out;
}

TEST(OssV1VectorsTest, HeaderStringsAndSignatures) {
  for (const auto& vector : Vectors("oss-v1.json", "oss-v1-header")) {
    OssCall call;
    call.head.method = Text(vector, "method");
    call.bucket = Text(vector, "bucket");
    call.key = Text(vector, "key");
    call.target.query = PairsOf(vector.at("query"));
    for (const auto& [name, value] : MapOf(vector.at("headers"))) call.head.headers.emplace_back(name, value);
    if (const std::string token = Text(vector, "security_token"); !token.empty())
      call.head.headers.emplace_back("x-oss-security-token", token);
    std::string date(http::FindHeader(call.head.headers, "Date"));
    if (date.empty()) date = http::FindHeader(call.head.headers, "x-oss-date");

    const std::string text = OssV1StringToSign(call, date);

    if (!Expected(vector, "string_to_sign").empty()) {
      EXPECT_EQ(text, Expected(vector, "string_to_sign")) << Text(vector, "name");
    }
    EXPECT_EQ(crypto::Base64Encode(crypto::HmacSha1(Text(vector, "access_key_secret"), text)),
              Expected(vector, "signature"))
        << Text(vector, "name");
  }
}

TEST(PostPolicyVectorsTest, V1Signatures) {
  for (const auto& vector : Vectors("oss-post-policy.json", "oss-post-policy-v1")) {
    const std::string policy = crypto::Base64Encode(Text(vector, "policy"));
    EXPECT_EQ(policy, Expected(vector, "policy_base64"));
    EXPECT_EQ(crypto::Base64Encode(crypto::HmacSha1(Text(vector, "access_key_secret"), policy)),
              Expected(vector, "signature"))
        << Text(vector, "name");
  }
}

TEST(RpcVectorsTest, StringsToSign) {
  for (const auto& vector : Vectors("rpc-v1.json", "rpc-v1-string-to-sign")) {
    EXPECT_EQ(RpcStringToSign(Text(vector, "method"), MapOf(vector.at("params"))),
              Expected(vector, "string_to_sign"))
        << Text(vector, "name");
  }
}

TEST(RpcVectorsTest, Signatures) {
  for (const auto& vector : Vectors("rpc-v1.json", "rpc-v1")) {
    const std::string text = RpcStringToSign(Text(vector, "method"), MapOf(vector.at("params")));
    EXPECT_EQ(crypto::Base64Encode(crypto::HmacSha1(Text(vector, "access_key_secret") + "&", text)),
              Expected(vector, "signature"))
        << Text(vector, "name");
  }
}

TEST(Acs3VectorsTest, CanonicalRequestsAndSignatures) {
  for (const auto& vector : Vectors("acs3.json", "acs3")) {
    const http::Headers headers = PairsOf(vector.at("headers"));
    std::set<std::string> sorted;  // each of these signs all of its headers
    for (auto [name, value] : headers) {
      for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      sorted.insert(name);
    }
    std::string names;
    for (const std::string& name : sorted) names += (names.empty() ? "" : ";") + name;

    const std::string canonical =
        Acs3CanonicalRequest(Text(vector, "method"), Text(vector, "path"), PairsOf(vector.at("query")),
                             headers, names, Text(vector, "payload_sha256"));

    const std::string digest = crypto::HexLower(crypto::Sha256(canonical));
    if (!Expected(vector, "canonical_request_sha256").empty()) {
      EXPECT_EQ(digest, Expected(vector, "canonical_request_sha256"));
    }
    EXPECT_EQ(crypto::HexLower(
                  crypto::HmacSha256(Text(vector, "access_key_secret"), "ACS3-HMAC-SHA256\n" + digest)),
              Expected(vector, "signature"))
        << Text(vector, "name");
  }
}

TEST(EtagVectorsTest, OfMultipartObjects) {
  for (const auto& vector : Vectors("etag-md5.json", "multipart-etag")) {
    std::vector<std::string> etags;
    for (const auto& etag : vector.at("part_etags").as_array()) etags.push_back(Plain(etag));
    EXPECT_EQ(MultipartEtag(etags), Expected(vector, "etag")) << Text(vector, "name");
  }
}

// Every element of the published document is in ours as well, and our reader finds its code.
TEST(ErrorVectorsTest, DocumentsHaveTheVendorsElements) {
  for (const char* kind : {"error-xml", "error-header"}) {
    for (const auto& vector : Vectors("errors.json", kind)) {
      auto fields = MapOf(vector.at("expected").at("fields"));
      Fault fault{400, fields["Code"], fields["Message"], fields["EC"], "", {}};
      const std::set<std::string> common = {"Code", "Message", "RequestId", "HostId", "EC", "RecommendDoc"};
      for (const auto& [name, value] : fields) {
        if (!common.contains(name)) fault.extra.emplace_back(name, value);
      }
      pugi::xml_document document;
      const std::string xml = ErrorXml(fault, fields["RequestId"], fields["HostId"]);
      ASSERT_TRUE(document.load_buffer(xml.data(), xml.size()));
      for (const auto& [name, value] : fields) {
        EXPECT_EQ(document.child("Error").child_value(name.c_str()), value) << Text(vector, "name");
      }
      http::Response response{vector.at("status").to_number<int>(), {}, Text(vector, "document")};
      if (response.body.empty()) response.headers.emplace_back("x-oss-err", Text(vector, "x-oss-err"));
      EXPECT_EQ(Metadata(aliyun::OssError(response))["oss_code"], fields["Code"]) << Text(vector, "name");
    }
  }
}

}  // namespace
}  // namespace sluice::sandbox
