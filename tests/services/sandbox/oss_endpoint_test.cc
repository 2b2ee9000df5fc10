// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/oss_endpoint.h"

#include "common/aliyun/oss_signer.h"
#include "common/crypto/crc64.h"
#include "common/crypto/encoding.h"
#include "common/http/curl_client.h"
#include "gmock/gmock.h"
#include "services/sandbox/oss_operation.h"
#include "tests/support/fake_log.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::Fetch;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAlicePolicy[] = R"({"Version":"1","Statement":[
  {"Effect":"Allow","Action":["oss:PutObject","oss:GetObject","oss:ListParts","oss:AbortMultipartUpload"],
   "Resource":"acs:oss:*:*:sluice-demo/uploads/alice/*"},
  {"Effect":"Allow","Action":"oss:ListObjects","Resource":"acs:oss:*:*:sluice-demo",
   "Condition":{"StringLike":{"oss:Prefix":"uploads/alice/*"}}}]})";

class OssEndpointTest : public ::testing::Test {
 protected:
  http::Response Send(const std::string& method, const std::string& key, const std::string& body = "",
                      aliyun::Pairs query = {}, aliyun::Pairs headers = {}) {
    const aliyun::OssRequest request{method, "sluice-demo", key, query, headers, {}};
    const aliyun::Credentials credentials{session_->access_key_id, session_->secret, session_->security_token,
                                          std::nullopt};
    for (auto& header : signer_.SignHeaders(request, credentials, clock_.Now())) headers.push_back(header);
    std::string url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/sluice-demo/" +
                      crypto::PercentEncode(key, true);
    if (!query.empty()) url += "?" + aliyun::OssCanonicalQuery(query);
    auto answer = Fetch(*client_, {method, url, headers, body});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(http::Response{});
  }

  SystemClock real_;
  SandboxClock clock_{real_};
  std::unique_ptr<World> world_ = World::Default();
  ObjectShelf shelf_;
  sluice::testing::FakeLog log_;
  ThreadTimers timers_;
  FaultScript faults_{timers_, log_};
  OssStats stats_;
  OssEndpoint endpoint_{*world_, clock_, shelf_, faults_, stats_, log_};
  std::unique_ptr<http::Server> server_ = http::StartServer({}, endpoint_).value();
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
  aliyun::OssSigner signer_{"cn-hangzhou"};
  std::shared_ptr<const Principal> session_ =
      world_->IssueSession(*world_->FindRole("sluice-uploader"), "alice", ParsePolicy(kAlicePolicy).value(),
                           clock_.Now(), std::chrono::hours(1));
};

TEST_F(OssEndpointTest, StoresAndGivesBackWithTheRightSums) {
  const std::string body(700'000, 'x');
  const auto put = Send("PUT", "uploads/alice/a b.bin", body, {},
                        {{"Content-Type", "image/png"}, {"x-oss-meta-who", "me"}});
  ASSERT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(http::FindHeader(put.headers, "x-oss-hash-crc64ecma"), std::to_string(crypto::Crc64(body)));

  const auto get = Send("GET", "uploads/alice/a b.bin");
  EXPECT_EQ(get.body, body);
  EXPECT_EQ(http::FindHeader(get.headers, "Content-Type"), "image/png");
  EXPECT_EQ(http::FindHeader(get.headers, "x-oss-meta-who"), "me");
  const auto head = Send("HEAD", "uploads/alice/a b.bin");
  EXPECT_EQ(http::FindHeader(head.headers, "Content-Length"), "700000");
}

TEST_F(OssEndpointTest, PagesMayAskWhatTheBucketsRulesAllow) {
  const std::string url =
      "http://127.0.0.1:" + std::to_string(server_->port()) + "/sluice-demo/uploads/alice/p";
  const auto preflight = [&](http::Headers headers) {
    return Fetch(*client_, {"OPTIONS", url, std::move(headers), ""}).value();
  };
  const auto good = preflight({{"Origin", "https://app.example"},
                               {"Access-Control-Request-Method", "PUT"},
                               {"Access-Control-Request-Headers", "authorization,x-oss-date"}});
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(http::FindHeader(good.headers, "Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(http::FindHeader(good.headers, "Access-Control-Allow-Headers"), "authorization,x-oss-date");

  const auto refused =
      preflight({{"Origin", "https://app.example"}, {"Access-Control-Request-Method", "PATCH"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("CORSResponse: This CORS request is not allowed."));
  EXPECT_EQ(preflight({{"Access-Control-Request-Method", "PUT"}}).status, 400);
  EXPECT_EQ(preflight({{"Origin", "https://app.example"}}).status, 400);
}

TEST_F(OssEndpointTest, AnswersToAPageMayBeReadByIt) {
  const auto put = Send("PUT", "uploads/alice/p", "x", {}, {{"Origin", "https://app.example"}});
  const auto denied = Send("PUT", "uploads/bob/p", "x", {}, {{"Origin", "https://app.example"}});
  const auto elsewhere = Send("PUT", "uploads/alice/p", "x");

  EXPECT_EQ(http::FindHeader(put.headers, "Access-Control-Allow-Origin"), "*");
  EXPECT_THAT(std::string(http::FindHeader(put.headers, "Access-Control-Expose-Headers")), HasSubstr("ETag"));
  EXPECT_EQ(denied.status, 403);
  EXPECT_EQ(http::FindHeader(denied.headers, "Access-Control-Allow-Origin"), "*");
  EXPECT_FALSE(http::HasHeader(elsewhere.headers, "Access-Control-Allow-Origin"));
}

TEST_F(OssEndpointTest, ServesOneRangeAndIgnoresWhatDoesNotFit) {
  Send("PUT", "uploads/alice/r", "0123456789");
  auto range = [&](const char* text) {
    const auto answer = Send("GET", "uploads/alice/r", "", {}, {{"Range", text}});
    return std::to_string(answer.status) + " " + answer.body;
  };

  EXPECT_EQ(range("bytes=2-4"), "206 234");
  EXPECT_EQ(range("bytes=7-"), "206 789");
  EXPECT_EQ(range("bytes=-3"), "206 789");
  for (const char* text : {"bytes=5-2", "bytes=10-", "bytes=3-10", "bytes=a-b", "bytes=", "bytes=-",
                           "bytes=-0", "0-1", "bytes=0-1,3-4", "bytes=99999999999999999999-"}) {
    EXPECT_EQ(range(text), "200 0123456789") << text;
  }
}

TEST_F(OssEndpointTest, TheSessionPolicyHoldsForEveryOperation) {
  for (const char* key :
       {"uploads/bob/x", "uploads/alice", "uploads/alicex/x", "uploads/ALICE/x", "other/x"}) {
    for (const char* method : {"PUT", "GET", "HEAD", "DELETE"}) {
      const auto answer = Send(method, key, "");
      EXPECT_EQ(answer.status, 403) << method << " " << key;
      EXPECT_EQ(http::FindHeader(answer.headers, "x-oss-ec"), "0003-00000301") << method << " " << key;
      EXPECT_THAT(std::string(http::FindHeader(answer.headers, "x-sluice-hint")),
                  HasSubstr("the session policy does not allow"));
    }
    EXPECT_EQ(Send("POST", key, "", {{"uploads", ""}}).status, 403) << key;
  }
  EXPECT_EQ(Send("DELETE", "uploads/alice/x").status, 403);
  EXPECT_EQ(Send("GET", "", "", {{"list-type", "2"}}).status, 403);
  EXPECT_EQ(Send("GET", "", "", {{"list-type", "2"}, {"prefix", "uploads/"}}).status, 403);
  EXPECT_EQ(Send("GET", "", "", {{"list-type", "2"}, {"prefix", "uploads/alice/"}}).status, 200);
}

TEST_F(OssEndpointTest, PublicAclIsDeniedByTheRole) {
  const auto answer = Send("PUT", "uploads/alice/x", "x", {}, {{"x-oss-object-acl", "public-read"}});

  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(http::FindHeader(answer.headers, "x-oss-ec"), "0003-00000201");
}

TEST_F(OssEndpointTest, TheTokenDiesWhenTheClockPassesItsEnd) {
  ASSERT_EQ(Send("PUT", "uploads/alice/x", "x").status, 200);

  clock_.Advance(std::chrono::minutes(61));

  EXPECT_THAT(Send("PUT", "uploads/alice/x", "x").body, HasSubstr("<Code>SecurityTokenExpired</Code>"));
}

TEST_F(OssEndpointTest, MultipartKeepsOssRules) {
  const std::string key = "uploads/alice/big";
  const std::string begun = Send("POST", key, "", {{"uploads", ""}}).body;
  const std::string id = begun.substr(begun.find("<UploadId>") + 10, 32);
  const std::string part(102400, 'p');
  auto put = [&](const std::string& number, const std::string& body) {
    return Send("PUT", key, body, {{"partNumber", number}, {"uploadId", id}});
  };
  auto complete = [&](const std::string& parts) {
    return Send("POST", key, "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>",
                {{"uploadId", id}});
  };
  auto named = [](const std::string& number, const std::string& etag) {
    return "<Part><PartNumber>" + number + "</PartNumber><ETag>" + etag + "</ETag></Part>";
  };
  const std::string etag(http::FindHeader(put("1", part).headers, "ETag"));
  const std::string small(http::FindHeader(put("5", "small").headers, "ETag"));

  EXPECT_EQ(put("0", part).status, 400);
  EXPECT_EQ(put("10001", part).status, 400);
  EXPECT_THAT(Send("GET", key, "", {{"uploadId", id}}).body, HasSubstr("<PartNumber>5</PartNumber>"));
  EXPECT_THAT(complete(named("5", small) + named("1", etag)).body, HasSubstr("InvalidPartOrder"));
  EXPECT_THAT(complete(named("1", small)).body, HasSubstr("InvalidPart"));
  EXPECT_THAT(complete("").body, HasSubstr("MalformedXML"));
  EXPECT_THAT(Send("POST", key, "<!DOCTYPE a><CompleteMultipartUpload/>", {{"uploadId", id}}).body,
              HasSubstr("MalformedXML"));
  const auto done = complete(named("1", etag) + named("5", small));
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(http::FindHeader(done.headers, "x-oss-hash-crc64ecma"),
            std::to_string(crypto::Crc64(part + "small")));
  EXPECT_EQ(Send("GET", key).body, part + "small");
  EXPECT_THAT(complete(named("1", etag)).body, HasSubstr("NoSuchUpload"));
  EXPECT_EQ(Send("DELETE", key, "", {{"uploadId", id}}).status, 404);
}

TEST_F(OssEndpointTest, PartsUnderTheMinimumAreRefusedAtComplete) {
  const std::string key = "uploads/alice/small";
  const std::string begun = Send("POST", key, "", {{"uploads", ""}}).body;
  const std::string id = begun.substr(begun.find("<UploadId>") + 10, 32);
  std::string parts;
  for (const char* number : {"1", "2"}) {
    const auto put = Send("PUT", key, "tiny", {{"partNumber", number}, {"uploadId", id}});
    parts += "<Part><PartNumber>" + std::string(number) + "</PartNumber><ETag>" +
             std::string(http::FindHeader(put.headers, "ETag")) + "</ETag></Part>";
  }

  EXPECT_THAT(Send("POST", key, "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>",
                   {{"uploadId", id}})
                  .body,
              HasSubstr("EntityTooSmall"));
}

TEST_F(OssEndpointTest, ListsPageByPageInByteOrder) {
  for (const char* key : {"uploads/alice/b", "uploads/alice/a", "uploads/alice/d/1", "uploads/alice/d/2",
                          "uploads/alice/c&<"}) {
    ASSERT_EQ(Send("PUT", key, "x").status, 200);
  }
  const auto first =
      Send("GET", "", "",
           {{"list-type", "2"}, {"prefix", "uploads/alice/"}, {"delimiter", "/"}, {"max-keys", "2"}})
          .body;
  EXPECT_THAT(first, HasSubstr("<Key>uploads/alice/a</Key>"));
  EXPECT_THAT(first, HasSubstr("<IsTruncated>true</IsTruncated>"));
  const size_t at = first.find("<NextContinuationToken>") + 23;
  const std::string token = first.substr(at, first.find('<', at) - at);

  const auto second = Send("GET", "", "",
                           {{"list-type", "2"},
                            {"prefix", "uploads/alice/"},
                            {"delimiter", "/"},
                            {"continuation-token", token}})
                          .body;

  EXPECT_THAT(second, HasSubstr("<Key>uploads/alice/c&amp;&lt;</Key>"));
  EXPECT_THAT(second, HasSubstr("<CommonPrefixes><Prefix>uploads/alice/d/</Prefix></CommonPrefixes>"));
  EXPECT_THAT(second, Not(HasSubstr("alice/a<")));
  EXPECT_THAT(second, HasSubstr("<IsTruncated>false</IsTruncated>"));
}

TEST_F(OssEndpointTest, WhatIsNotImitatedSaysSoAndChangesNothing) {
  ASSERT_EQ(Send("PUT", "uploads/alice/kept", "old").status, 200);
  auto code = [](const http::Response& answer) {
    return answer.body.find("<Code>NotImplemented</Code>") != std::string::npos ? answer.status : 0;
  };

  for (const char* query : {"acl", "comp", "callback", "worm", "partNumber", "versionId", "anything"}) {
    EXPECT_EQ(code(Send("PUT", "uploads/alice/kept", "new", {{query, "1"}})), 400) << query;
    EXPECT_EQ(code(Send("GET", "", "", {{"prefix", "uploads/alice/"}, {query, "1"}})), 400) << query;
  }
  for (const auto& [name, value] : aliyun::Pairs{{"x-oss-storage-class", "IA"},
                                                 {"x-oss-traffic-limit", "819200"},
                                                 {"x-oss-callback-var", "x"},
                                                 {"x-oss-server-side-encryption-key-id", "k"},
                                                 {"x-oss-server-side-data-encryption", "SM4"},
                                                 {"If-Modified-Since", "Fri, 02 Jan 2026 03:04:05 GMT"}}) {
    EXPECT_EQ(code(Send("PUT", "uploads/alice/kept", "new", {}, {{name, value}})), 400) << name;
  }
  EXPECT_THAT(Send("PUT", "uploads/alice/kept", "new", {}, {{"x-oss-object-acl", "nonsense"}}).body,
              HasSubstr("InvalidArgument"));
  EXPECT_EQ(Send("GET", "uploads/alice/kept").body, "old");
}

TEST_F(OssEndpointTest, TagsComeWithTheUploadOrLaterAndNeedTheirOwnRight) {
  const std::string key = "uploads/alice/tagged";
  EXPECT_THAT(Send("PUT", key, "x", {}, {{"x-oss-tagging", "a=1"}}).body, HasSubstr("AccessDenied"));
  ASSERT_EQ(Send("PUT", key, "x").status, 200);
  EXPECT_THAT(Send("GET", key, "", {{"tagging", ""}}).body, HasSubstr("AccessDenied"));
  session_ = world_->IssueSession(*world_->FindRole("sluice-uploader"), "all", std::nullopt, clock_.Now(),
                                  std::chrono::hours(1));

  ASSERT_EQ(Send("PUT", key, "x", {}, {{"x-oss-tagging", "a=1&b%20c=%2F"}}).status, 200);
  EXPECT_EQ(http::FindHeader(Send("HEAD", key).headers, "x-oss-tagging-count"), "2");
  EXPECT_THAT(Send("GET", key, "", {{"tagging", ""}}).body, HasSubstr("<Key>b c</Key><Value>/</Value>"));
  EXPECT_EQ(Send("PUT", key, "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
                 {{"tagging", ""}})
                .status,
            200);
  EXPECT_EQ(http::FindHeader(Send("HEAD", key).headers, "x-oss-tagging-count"), "1");
  EXPECT_EQ(Send("DELETE", key, "", {{"tagging", ""}}).status, 204);
  EXPECT_FALSE(http::HasHeader(Send("HEAD", key).headers, "x-oss-tagging-count"));
  EXPECT_EQ(Send("GET", "uploads/alice/absent", "", {{"tagging", ""}}).status, 404);
  // On a multipart upload they are given at its start.
  const std::string begun = Send("POST", key, "", {{"uploads", ""}}, {{"x-oss-tagging", "m=1"}}).body;
  const std::string id = begun.substr(begun.find("<UploadId>") + 10, 32);
  ASSERT_EQ(Send("PUT", key, "part", {{"partNumber", "1"}, {"uploadId", id}}).status, 200);
  ASSERT_EQ(Send("POST", key, "", {{"uploadId", id}}, {{"x-oss-complete-all", "yes"}}).status, 200);
  EXPECT_EQ(http::FindHeader(Send("HEAD", key).headers, "x-oss-tagging-count"), "1");
  EXPECT_EQ(Send("POST", key, "", {{"uploadId", id}}, {{"x-oss-complete-all", "yes"}}).status, 404);
}

TEST_F(OssEndpointTest, ARefusalLeavesALineWithoutTheTokenOrTheQuery) {
  EXPECT_EQ(Send("PUT", "uploads/bob/x", "x").status, 403);
  EXPECT_THAT(log_.lines().back(), HasSubstr("\"code\":\"AccessDenied\""));
  EXPECT_THAT(log_.lines().back(), HasSubstr("the session policy does not allow oss:PutObject"));

  auto forged = std::make_shared<Principal>(*session_);
  forged->secret = SecretString("wrong");
  session_ = forged;
  EXPECT_EQ(Send("GET", "uploads/alice/x", "", {{"response-content-type", "a/b"}}).status, 403);
  EXPECT_THAT(log_.lines().back(), HasSubstr("SignatureDoesNotMatch"));
  EXPECT_THAT(log_.lines().back(), Not(HasSubstr(session_->security_token.Reveal())));
  EXPECT_THAT(log_.lines().back(), Not(HasSubstr("response-content-type")));
}

TEST_F(OssEndpointTest, ForbidOverwriteHoldsForEveryWayIn) {
  const std::string key = "uploads/alice/once";
  const std::string early = Send("POST", key, "", {{"uploads", ""}}).body;
  const std::string id = early.substr(early.find("<UploadId>") + 10, 32);
  const auto part = Send("PUT", key, "part", {{"partNumber", "1"}, {"uploadId", id}});
  const std::string parts = "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" +
                            std::string(http::FindHeader(part.headers, "ETag")) +
                            "</ETag></Part></CompleteMultipartUpload>";
  ASSERT_EQ(Send("PUT", key, "first", {}, {{"x-oss-forbid-overwrite", "true"}}).status, 200);

  EXPECT_EQ(Send("PUT", key, "second", {}, {{"x-oss-forbid-overwrite", "true"}}).status, 409);
  EXPECT_EQ(Send("POST", key, "", {{"uploads", ""}}, {{"x-oss-forbid-overwrite", "true"}}).status, 409);
  EXPECT_EQ(Send("POST", key, parts, {{"uploadId", id}}, {{"x-oss-forbid-overwrite", "true"}}).status, 409);
  EXPECT_EQ(Send("POST", key, parts, {{"uploadId", id}}, {{"x-oss-forbid-overwrite", "yes"}}).status, 400);
  EXPECT_EQ(Send("POST", key, "", {{"uploads", ""}}, {{"x-oss-forbid-overwrite", "yes"}}).status, 400);
  EXPECT_EQ(Send("GET", key).body, "first");
}

TEST_F(OssEndpointTest, StandardRangesAreClampedAndRefused) {
  Send("PUT", "uploads/alice/r", "0123456789");
  auto range = [&](const char* text) {
    return Send("GET", "uploads/alice/r", "", {}, {{"Range", text}, {"x-oss-range-behavior", "standard"}});
  };

  EXPECT_EQ(range("bytes=8-99").body, "89");
  EXPECT_EQ(range("bytes=8-99").status, 206);
  EXPECT_EQ(range("bytes=10-").status, 416);
}

TEST_F(OssEndpointTest, CompletingDoesNotCopyTheParts) {
  const std::string key = "uploads/alice/shared";
  const std::string begun = Send("POST", key, "", {{"uploads", ""}}).body;
  const std::string id = begun.substr(begun.find("<UploadId>") + 10, 32);
  const auto put = Send("PUT", key, "bytes", {{"partNumber", "1"}, {"uploadId", id}});
  const ContentPtr part = shelf_.FindUpload(id, "sluice-demo", key)->parts.at(1).content;

  Send("POST", key,
       "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" +
           std::string(http::FindHeader(put.headers, "ETag")) + "</ETag></Part></CompleteMultipartUpload>",
       {{"uploadId", id}});

  EXPECT_EQ(shelf_.Get("sluice-demo", key)->content->pieces, part->pieces);
  EXPECT_EQ(part->pieces.at(0).use_count(), 2);
}

TEST_F(OssEndpointTest, HostileKeysAreRefusedOrStoredAsTheyAre) {
  EXPECT_EQ(Send("PUT", std::string("uploads/alice/") + std::string(1010, 'k'), "x").status, 400);
  const std::string odd("uploads/alice/../\x01%2e\xff*?", 22);
  ASSERT_EQ(Send("PUT", odd, "odd").status, 200);
  EXPECT_EQ(Send("GET", odd).body, "odd");
}

TEST_F(OssEndpointTest, WrongMd5StoresNothing) {
  EXPECT_THAT(Send("PUT", "uploads/alice/m", "x", {}, {{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}}).body,
              HasSubstr("InvalidDigest"));
  EXPECT_EQ(Send("GET", "uploads/alice/m").status, 404);
}

// What a call whose connection breaks looks like from outside.
class OssFaultsTest : public OssEndpointTest {
 protected:
  absl::StatusOr<http::Response> Try(const std::string& method, const std::string& key,
                                     const std::string& body = "", aliyun::Pairs query = {}) {
    const aliyun::OssRequest request{method, "sluice-demo", key, query, {}, {}};
    const aliyun::Credentials credentials{session_->access_key_id, session_->secret, session_->security_token,
                                          std::nullopt};
    const auto headers = signer_.SignHeaders(request, credentials, clock_.Now());
    std::string url = "http://127.0.0.1:" + std::to_string(server_->port()) + "/sluice-demo/" +
                      crypto::PercentEncode(key, true);
    if (!query.empty()) url += "?" + aliyun::OssCanonicalQuery(query);
    return Fetch(*client_, {method, url, headers, body});
  }
  void Arm(const std::string& query) { ASSERT_TRUE(faults_.Arm("service=oss&" + query).ok()) << query; }
  bool Exists(const std::string& key) { return shelf_.Get("sluice-demo", key).has_value(); }
};

TEST_F(OssFaultsTest, AResetBeforeOrInsideTheBodyStoresNothingAndALostAnswerDoes) {
  const std::string body(300'000, 'x');
  Arm("kind=reset&operation=put&count=1");
  EXPECT_FALSE(Try("PUT", "uploads/alice/a", body).ok());
  EXPECT_FALSE(Exists("uploads/alice/a"));
  Arm("kind=body-reset&value=100000&count=1");
  EXPECT_FALSE(Try("PUT", "uploads/alice/a", body).ok());
  EXPECT_FALSE(Exists("uploads/alice/a"));
  Arm("kind=lost&key=alice&count=1");
  EXPECT_FALSE(Try("PUT", "uploads/alice/a", body).ok());
  EXPECT_TRUE(Exists("uploads/alice/a"));
  for (const int bytes : {0, 5, 60, 200}) {
    Arm("kind=cut&count=1&value=" + std::to_string(bytes));
    EXPECT_FALSE(Try("GET", "uploads/alice/none").ok()) << bytes;
  }
  EXPECT_EQ(Try("PUT", "uploads/alice/b", body)->status, 200);
  EXPECT_EQ(stats_.Read().at("put").calls, 4u);
  EXPECT_EQ(stats_.Read().at("put").broken, 3u);
  EXPECT_EQ(stats_.ReadKey("uploads/alice/b").at("put").bytes_in, body.size());
}

TEST_F(OssFaultsTest, AnswersThatAreNoSuccessOrLieAboutTheSum) {
  Arm("kind=error&value=503&operation=put&count=1");
  EXPECT_EQ(Try("PUT", "uploads/alice/a", "x")->status, 503);
  Arm("kind=throttle&value=0&operation=put&count=1");
  EXPECT_THAT(Try("PUT", "uploads/alice/a", "x")->body, HasSubstr("SlowDown"));
  EXPECT_FALSE(Exists("uploads/alice/a"));
  Arm("kind=callback-failed&count=1");
  const auto failed = Try("PUT", "uploads/alice/a", "x");
  EXPECT_EQ(failed->status, 203);
  EXPECT_THAT(failed->body, HasSubstr("CallbackFailed"));
  EXPECT_TRUE(Exists("uploads/alice/a"));
  Arm("kind=error-body&count=1");
  const auto error = Try("PUT", "uploads/alice/b", "x");
  EXPECT_EQ(error->status, 200);
  EXPECT_THAT(error->body, HasSubstr("<Error>"));
  Arm("kind=wrong-crc&count=1");
  EXPECT_NE(http::FindHeader(Try("PUT", "uploads/alice/c", "x")->headers, "x-oss-hash-crc64ecma"),
            std::to_string(crypto::Crc64("x")));
  Arm("kind=no-part-crc");
  EXPECT_FALSE(http::HasHeader(Try("PUT", "uploads/alice/d", "x")->headers, "x-oss-hash-crc64ecma"));
  faults_.Clear();
  EXPECT_TRUE(http::HasHeader(Try("PUT", "uploads/alice/d", "x")->headers, "x-oss-hash-crc64ecma"));
}

TEST_F(OssFaultsTest, PartsWithoutSumsAreListedWithoutThem) {
  const auto begun = Send("POST", "uploads/alice/m", "", {{"uploads", ""}});
  const size_t at = begun.body.find("<UploadId>") + 10;
  const std::string id = begun.body.substr(at, begun.body.find('<', at) - at);
  Send("PUT", "uploads/alice/m", "part", {{"partNumber", "1"}, {"uploadId", id}});
  EXPECT_THAT(Send("GET", "uploads/alice/m", "", {{"uploadId", id}}).body, HasSubstr("HashCrc64ecma"));
  Arm("kind=no-part-crc&operation=list_parts");
  EXPECT_THAT(Send("GET", "uploads/alice/m", "", {{"uploadId", id}}).body, Not(HasSubstr("HashCrc64ecma")));
}

TEST_F(OssFaultsTest, NamesOrderFaultsOnlyWhereTheSandboxWasToldSoAndOncePerOperation) {
  EXPECT_EQ(Try("PUT", "uploads/alice/fault-error-503.jpg", "x")->status, 200);
  faults_.ListenToNames(true);
  EXPECT_EQ(Try("PUT", "uploads/alice/fault-error-502.jpg", "x")->status, 502);
  EXPECT_EQ(Try("PUT", "uploads/alice/fault-error-502.jpg", "x")->status, 200);
  EXPECT_EQ(Try("GET", "uploads/alice/fault-error-502.jpg")->status, 502);
  EXPECT_FALSE(Try("PUT", "uploads/alice/fault-lost", "x").ok());
  EXPECT_TRUE(Exists("uploads/alice/fault-lost"));
  EXPECT_FALSE(Try("PUT", "uploads/alice/x.fault-body-reset-1", "xyz").ok());
  for (const char* name :
       {"fault-", "fault-nonsense", "fault-error", "fault-error-200", "default", "fault-lost-7", "a-fault"})
    EXPECT_EQ(FaultOfName(std::string("uploads/alice/") + name), std::nullopt) << name;
  EXPECT_EQ(FaultOfName("fault-lost/x"), std::nullopt);  // a folder's name orders nothing
}

TEST_F(OssFaultsTest, UnfinishedUploadsAreListedForWhoeverMaySeeThem) {
  // The role's own ceiling has no such right.
  EXPECT_EQ(Send("GET", "", "", {{"uploads", ""}}).status, 403);
  for (const char* key : {"uploads/a/1", "uploads/a/2", "uploads/b/1", "other"}) {
    for (int i = 0; i < 2; ++i) shelf_.BeginUpload({"sluice-demo", key, {}, {}, {}, clock_.Now()});
  }
  const auto list = [&](const std::string& query) {
    OssCall call;
    call.bucket = "sluice-demo";
    call.target = http::ParseTarget("/?uploads&" + query).value();
    const Outcome outcome = ListUploads({call, shelf_, clock_.Now()}, nullptr);
    return std::holds_alternative<http::Answer>(outcome) ? std::get<http::Answer>(outcome).body
                                                         : std::get<Fault>(outcome).code;
  };
  const auto count = [](const std::string& text, const std::string& what) {
    size_t out = 0;
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += what.size()) ++out;
    return out;
  };
  EXPECT_EQ(count(list(""), "<Upload>"), 8u);
  EXPECT_EQ(count(list("prefix=uploads/a/"), "<Upload>"), 4u);
  EXPECT_EQ(count(list("prefix=uploads/&delimiter=/"), "<CommonPrefixes>"), 2u);
  const std::string page = list("max-uploads=3&prefix=uploads/");
  EXPECT_THAT(page, HasSubstr("<IsTruncated>true</IsTruncated>"));
  const auto between = [&](const std::string& name) {
    const size_t at = page.find("<" + name + ">") + name.size() + 2;
    return page.substr(at, page.find('<', at) - at);
  };
  const std::string rest = list("prefix=uploads/&key-marker=" + between("NextKeyMarker") +
                                "&upload-id-marker=" + between("NextUploadIdMarker"));
  EXPECT_EQ(count(rest, "<Upload>"), 3u);
  EXPECT_THAT(rest, HasSubstr("<IsTruncated>false</IsTruncated>"));
  EXPECT_EQ(list("max-uploads=0"), "InvalidArgument");
  EXPECT_EQ(list("encoding-type=base64"), "InvalidArgument");
}

}  // namespace
}  // namespace sluice::sandbox
