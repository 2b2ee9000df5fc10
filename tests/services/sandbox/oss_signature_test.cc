// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_signature.h"

#include "common/aliyun/oss_signer.h"
#include "common/base/iso_time.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "gmock/gmock.h"
#include "tests/support/vectors.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::Expected;
using sluice::testing::Text;
using sluice::testing::Vectors;

using Verified = OrFault<std::shared_ptr<const Principal>>;

std::string CodeOf(const Verified& verified) {
  const auto* fault = std::get_if<Fault>(&verified);
  return fault == nullptr ? "" : fault->code + " " + fault->ec;
}

Principal Key(const std::string& id, const std::string& secret, const std::string& token = "",
              Time expires = Time(std::chrono::hours(24 * 365 * 100))) {
  Principal out;
  out.access_key_id = id;
  out.secret = SecretString(secret);
  out.security_token = SecretString(token);
  if (!token.empty()) out.expires = expires;
  return out;
}

World WorldOf(std::vector<Principal> keys) { return World("1", std::move(keys), {}, {}); }

OssCall CallOf(const boost::json::value& vector) {
  OssCall call;
  call.head.method = Text(vector, "method");
  call.bucket = Text(vector, "bucket");
  call.key = Text(vector, "key");
  for (const auto& pair : vector.at("query").as_array()) {
    call.target.query.emplace_back(pair.at(0).as_string().c_str(), pair.at(1).as_string().c_str());
  }
  for (const auto& [name, value] : vector.at("headers").as_object()) {
    call.head.headers.emplace_back(std::string(name), value.as_string().c_str());
  }
  return call;
}

TEST(OssV4SignatureTest, AcceptsThePublishedHeaderVectors) {
  int judged = 0;
  for (const auto& vector : Vectors("oss-v4-header.json", "oss-v4-header")) {
    if (Text(vector, "product") != "oss") continue;  // CloudBox is not imitated
    OssCall call = CallOf(vector);
    call.region = Text(vector, "region");
    const std::string token = Text(vector, "security_token");
    if (!token.empty() && !http::HasHeader(call.head.headers, "x-oss-security-token")) {
      call.head.headers.emplace_back("x-oss-security-token", token);
    }
    // The Android SDK's form: the timestamp travels in Date alone.
    if (!http::HasHeader(call.head.headers, "x-oss-date"))
      call.head.headers.emplace_back("Date", Text(vector, "timestamp"));
    call.head.headers.emplace_back("Authorization", Expected(vector, "authorization"));
    if (Expected(vector, "authorization").empty()) continue;
    const World world =
        WorldOf({Key(Text(vector, "access_key_id"), Text(vector, "access_key_secret"), token)});

    const Verified verified = VerifyOssSignature(call, world, *ParseIsoBasic(Text(vector, "timestamp")));

    EXPECT_EQ(CodeOf(verified), "") << Text(vector, "name");
    ++judged;
  }
  EXPECT_GE(judged, 5);
}

TEST(OssV4SignatureTest, AcceptsWhatOurSignerPresignsUntilItExpires) {
  int judged = 0;
  for (const auto& vector : Vectors("oss-v4-presign.json", "oss-v4-presign")) {
    if (Text(vector, "product") != "oss") continue;
    const std::string token = Text(vector, "security_token");
    const Time signed_at = *ParseIsoBasic(Text(vector, "timestamp"));
    const std::chrono::seconds life(vector.at("expires").to_number<int64_t>());
    OssCall call = CallOf(vector);
    call.region = Text(vector, "region");
    aliyun::OssRequest request{call.head.method,  call.bucket,       call.key,
                               call.target.query, call.head.headers, {}};
    for (const auto& name : vector.at("additional_headers").as_array())
      request.additional_headers.emplace_back(name.as_string().c_str());
    aliyun::OssSigner signer(call.region);
    const aliyun::Credentials credentials{Text(vector, "access_key_id"),
                                          SecretString(Text(vector, "access_key_secret")),
                                          SecretString(token), std::nullopt};
    call.target.query = signer.Presign(request, credentials, signed_at, life).value();
    const World world =
        WorldOf({Key(credentials.access_key_id, credentials.access_key_secret.Reveal(), token)});

    EXPECT_EQ(CodeOf(VerifyOssSignature(call, world, signed_at)), "") << Text(vector, "name");
    EXPECT_EQ(CodeOf(VerifyOssSignature(call, world, signed_at + life)), "AccessDenied 0002-00000236");
    call.key += "x";
    EXPECT_EQ(CodeOf(VerifyOssSignature(call, world, signed_at)), "SignatureDoesNotMatch 0002-00000201");
    ++judged;
  }
  EXPECT_GE(judged, 5);
}

TEST(OssV1SignatureTest, AcceptsThePublishedUrlVectors) {
  for (const auto& vector : Vectors("oss-v1.json", "oss-v1-url")) {
    OssCall call = CallOf(vector);
    const std::string token = Text(vector, "security_token");
    const int64_t expires = vector.at("expires").to_number<int64_t>();
    call.target.query.emplace_back("OSSAccessKeyId", Text(vector, "access_key_id"));
    call.target.query.emplace_back("Expires", std::to_string(expires));
    call.target.query.emplace_back("Signature", Expected(vector, "signature"));
    if (!token.empty() && !call.target.Has("security-token"))
      call.target.query.emplace_back("security-token", token);
    const World world =
        WorldOf({Key(Text(vector, "access_key_id"), Text(vector, "access_key_secret"), token)});

    EXPECT_EQ(CodeOf(VerifyOssSignature(call, world, Time(std::chrono::seconds(expires)))), "")
        << Text(vector, "name");
    EXPECT_EQ(CodeOf(VerifyOssSignature(call, world, Time(std::chrono::seconds(expires + 1)))),
              "AccessDenied 0002-00000069");
  }
}

class TamperTest : public ::testing::Test {
 protected:
  OssCall Signed() {
    OssCall call{
        {"PUT", "", {{"Content-Type", "text/plain"}}, "", false, "", {}}, {}, "b", "k", "cn-hangzhou"};
    aliyun::OssSigner signer("cn-hangzhou");
    const aliyun::OssRequest request{"PUT", "b", "k", {}, call.head.headers, {}};
    for (auto& header : signer.SignHeaders(
             request, {"STS.a", SecretString("s"), SecretString("CAISt"), std::nullopt}, now_)) {
      call.head.headers.push_back(header);
    }
    return call;
  }
  std::string Code(const OssCall& call, Time now) { return CodeOf(VerifyOssSignature(call, world_, now)); }
  std::string Code(const OssCall& call) { return Code(call, now_); }
  static void Replace(OssCall& call, std::string_view name, const std::string& value) {
    for (auto& [key, old] : call.head.headers) {
      if (http::SameName(key, name)) old = value;
    }
  }

  const Time now_ = *ParseIsoBasic("20260102T030405Z");
  const World world_ = WorldOf({Key("STS.a", "s", "CAISt", now_ + std::chrono::hours(1)),
                                Key("STS.b", "s", "CAISu"), Key("user", "s")});
};

TEST_F(TamperTest, EveryChangeToWhatIsSignedIsFound) {
  EXPECT_EQ(Code(Signed()), "");
  OssCall call = Signed();
  call.head.method = "GET";
  EXPECT_EQ(Code(call), "SignatureDoesNotMatch 0002-00000201");
  call = Signed();
  call.bucket = "c";
  EXPECT_EQ(Code(call), "SignatureDoesNotMatch 0002-00000201");
  call = Signed();
  Replace(call, "Content-Type", "text/html");
  EXPECT_EQ(Code(call), "SignatureDoesNotMatch 0002-00000201");
  call = Signed();
  call.head.headers.emplace_back("x-oss-object-acl", "public-read");
  EXPECT_EQ(Code(call), "SignatureDoesNotMatch 0002-00000201");
  call = Signed();
  call.target.query.emplace_back("acl", "");
  EXPECT_EQ(Code(call), "SignatureDoesNotMatch 0002-00000201");
}

TEST_F(TamperTest, RegionSkewTokenAndExpiryHaveCodesOfTheirOwn) {
  OssCall call = Signed();
  call.region = "cn-beijing";
  EXPECT_EQ(Code(call), "InvalidArgument 0002-00000226");
  EXPECT_EQ(Code(Signed(), now_ + std::chrono::minutes(16)), "RequestTimeTooSkewed 0002-00000504");
  EXPECT_EQ(Code(Signed(), now_ - std::chrono::minutes(16)), "RequestTimeTooSkewed 0002-00000504");
  call = Signed();
  Replace(call, "x-oss-security-token", "CAISu");
  EXPECT_EQ(Code(call), "AccessKeyIdAndSecurityTokenNotMatch 0002-00000004");
  call = Signed();
  Replace(call, "x-oss-security-token", "garbled");
  EXPECT_EQ(Code(call), "InvalidSecurityToken 0002-00000006");
  call = Signed();
  std::erase_if(call.head.headers, [](const auto& header) { return header.first == "x-oss-security-token"; });
  EXPECT_EQ(Code(call), "InvalidAccessKeyId 0002-00000002");
}

TEST_F(TamperTest, OnlyAnUnsignedPayloadIsTaken) {
  OssCall call{{"PUT", "", {{"x-oss-content-sha256", std::string(64, '0')}}, "", false, "", {}},
               {},
               "b",
               "k",
               "cn-hangzhou"};
  const aliyun::OssRequest request{
      "PUT", "b", "k", {}, {{"x-oss-content-sha256", std::string(64, '0')}, {"x-oss-date", IsoBasic(now_)}},
      {}};
  call.head.headers.emplace_back("x-oss-date", IsoBasic(now_));
  const std::string scope = aliyun::OssScope("20260102", "cn-hangzhou");
  call.head.headers.emplace_back(
      "Authorization",
      "OSS4-HMAC-SHA256 Credential=user/" + scope + ",Signature=" +
          aliyun::OssSignature(
              aliyun::OssSigningKey(SecretString("s"), "20260102", "cn-hangzhou"),
              aliyun::OssStringToSign(IsoBasic(now_), scope, aliyun::OssCanonicalRequest(request))));

  EXPECT_EQ(Code(call), "InvalidArgument 0002-00000202");
}

TEST_F(TamperTest, V1SignsTheDateHeaderWhenBothAreSent) {
  auto signed_over = [&](const std::string& line) {
    OssCall call{{"GET",
                  "",
                  {{"Date", HttpDate(now_)}, {"x-oss-date", HttpDate(now_ + std::chrono::seconds(1))}},
                  "",
                  false,
                  "",
                  {}},
                 {},
                 "b",
                 "k",
                 "cn-hangzhou"};
    const std::string text =
        "GET\n\n\n" + line + "\nx-oss-date:" + HttpDate(now_ + std::chrono::seconds(1)) + "\n/b/k";
    call.head.headers.emplace_back("Authorization",
                                   "OSS user:" + crypto::Base64Encode(crypto::HmacSha1("s", text)));
    return Code(call);
  };

  EXPECT_EQ(signed_over(HttpDate(now_)), "");
  EXPECT_EQ(signed_over(HttpDate(now_ + std::chrono::seconds(1))), "SignatureDoesNotMatch 0002-00000040");
}

TEST_F(TamperTest, MalformedAuthorizationsAreRefusedAndNothingIsAnonymous) {
  for (const char* text :
       {"OSS4-HMAC-SHA256 ", "OSS4-HMAC-SHA256 Credential=",
        "OSS4-HMAC-SHA256 Credential=a/b/c/d/e,Signature=f", "OSS4-HMAC-SHA256 Signature=f", "OSS ",
        "OSS :", "OSS a", "Basic abc", "OSS4-HMAC-SHA256 ,,,,", "x"}) {
    OssCall call = Signed();
    Replace(call, "Authorization", text);
    EXPECT_NE(Code(call), "") << text;
  }
  OssCall both = Signed();
  both.target.query.emplace_back("Signature", "x");
  EXPECT_EQ(Code(both), "InvalidArgument 0002-00000202");
  const OssCall none{{"GET", "", {}, "", false, "", {}}, {}, "b", "k", "cn-hangzhou"};
  EXPECT_EQ(std::get<0>(VerifyOssSignature(none, world_, now_)), nullptr);
}

}  // namespace
}  // namespace sluice::sandbox
