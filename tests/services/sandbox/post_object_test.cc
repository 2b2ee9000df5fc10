// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/post_object.h"

#include "common/aliyun/oss_post_policy.h"
#include "common/base/iso_time.h"
#include "common/crypto/encoding.h"
#include "common/crypto/hmac.h"
#include "common/http/curl_client.h"
#include "common/http/form_post.h"
#include "gmock/gmock.h"
#include "services/sandbox/oss_endpoint.h"
#include "tests/support/fake_log.h"
#include "tests/support/loopback.h"

namespace sluice::sandbox {
namespace {

using http::FormPost;
using sluice::testing::Fetch;
using ::testing::HasSubstr;

constexpr char kAlicePolicy[] = R"({"Version":"1","Statement":[
  {"Effect":"Allow","Action":"oss:PutObject","Resource":"acs:oss:*:*:sluice-demo/uploads/alice/*"}]})";

class PostObjectTest : public ::testing::Test {
 protected:
  aliyun::OssForm Form(const std::string& key, bool prefix = false) const {
    return {"sluice-demo", key, prefix, 1, 100, {{"success_action_status", "201"}}, {}, {}};
  }
  aliyun::Pairs Signed(const aliyun::OssForm& form) {
    const aliyun::Credentials credentials{session_->access_key_id, session_->secret, session_->security_token,
                                          std::nullopt};
    return aliyun::SignOssForm(signer_, form, credentials, clock_.Now(),
                               clock_.Now() + std::chrono::minutes(5));
  }
  http::Response Post(const aliyun::Pairs& fields, const std::string& file = "picture",
                      const std::string& name = "cat.png") {
    auto answer = Fetch(*client_, FormPost(url_, fields, {file, name}));
    EXPECT_TRUE(answer.ok()) << answer.status();
    return answer.value_or(http::Response{});
  }
  static std::string Code(const http::Response& response) {
    const size_t from = response.body.find("<Code>");
    if (from == std::string::npos) return std::to_string(response.status);
    return response.body.substr(from + 6, response.body.find("</Code>") - from - 6);
  }
  // The form with one field changed, or added.
  static aliyun::Pairs With(aliyun::Pairs fields, const std::string& name, const std::string& value) {
    for (auto& field : fields) {
      if (field.first == name) {
        field.second = value;
        return fields;
      }
    }
    fields.emplace_back(name, value);
    return fields;
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
  const std::string url_ = "http://127.0.0.1:" + std::to_string(server_->port()) + "/sluice-demo/";
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
  aliyun::OssSigner signer_{"cn-hangzhou"};
  std::shared_ptr<const Principal> session_ =
      world_->IssueSession(*world_->FindRole("sluice-uploader"), "alice", ParsePolicy(kAlicePolicy).value(),
                           clock_.Now(), std::chrono::hours(1));
};

TEST_F(PostObjectTest, AV4FormPutsItsFile) {
  aliyun::OssForm form = Form("uploads/alice/", true);
  form.exact_fields.emplace_back("Content-Type", "image/png");
  form.exact_fields.emplace_back("x-oss-meta-sluice-grant", "g1");
  const auto answer = Post(Signed(form), "picture", "C:\\pictures\\my cat.png");
  EXPECT_EQ(answer.status, 201) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("<Key>uploads/alice/my cat.png</Key>"));
  const auto object = shelf_.Get("sluice-demo", "uploads/alice/my cat.png");
  ASSERT_TRUE(object);
  EXPECT_EQ(http::FindHeader(object->headers, "Content-Type"), "image/png");
  EXPECT_EQ(http::FindHeader(object->headers, "x-oss-meta-sluice-grant"), "g1");
  EXPECT_EQ(object->content->size, 7u);
}

TEST_F(PostObjectTest, AV1FormPutsItsFile) {
  const std::string policy =
      crypto::Base64Encode(R"({"expiration":")" + IsoZeroMillis(clock_.Now() + std::chrono::minutes(5)) +
                           R"(","conditions":[["starts-with","$key","uploads/alice/"]]})");
  const aliyun::Pairs fields = {
      {"key", "uploads/alice/v1"},
      {"OSSAccessKeyId", session_->access_key_id},
      {"x-oss-security-token", session_->security_token.Reveal()},
      {"policy", policy},
      {"Signature", crypto::Base64Encode(crypto::HmacSha1(session_->secret.Reveal(), policy))}};
  EXPECT_EQ(Post(fields).status, 204);
  EXPECT_TRUE(shelf_.Get("sluice-demo", "uploads/alice/v1"));
  EXPECT_EQ(Code(Post(With(fields, "Signature", "AAAA"))), "SignatureDoesNotMatch");
  EXPECT_EQ(Code(Post(With(fields, "policy", ""))), "InvalidArgument");
}

TEST_F(PostObjectTest, WhatIsBoundCannotBeChanged) {
  aliyun::OssForm form = Form("uploads/alice/a.png");
  form.exact_fields.emplace_back("Content-Type", "image/png");
  const aliyun::Pairs good = Signed(form);
  EXPECT_EQ(Post(good).status, 201);
  const std::pair<const char*, const char*> changes[] = {{"key", "uploads/bob/a.png"},
                                                         {"key", "uploads/alice/b.png"},
                                                         {"Content-Type", "text/html"},
                                                         {"success_action_status", "200"},
                                                         {"x-oss-date", "20200101T000000Z"},
                                                         {"x-oss-signature", "00"},
                                                         {"policy", "e30="},
                                                         {"x-oss-security-token", "x"},
                                                         {"x-oss-credential", "a/b/c/d/e"},
                                                         {"x-oss-signature-version", "none"},
                                                         {"x-oss-object-acl", "public-read"}};
  for (const auto& [name, value] : changes) {
    const auto answer = Post(With(good, name, value));
    EXPECT_GE(answer.status, 400) << name << " " << value;
  }
  EXPECT_EQ(Code(Post(good, std::string(101, 'x'))), "EntityTooLarge");
  EXPECT_EQ(Code(Post(good, "")), "EntityTooSmall");
  clock_.Advance(std::chrono::minutes(6));
  EXPECT_THAT(Post(good).body, HasSubstr("Policy expired"));
  EXPECT_FALSE(shelf_.Get("sluice-demo", "uploads/bob/a.png"));
}

TEST_F(PostObjectTest, TheSessionPolicyHoldsForFormsToo) {
  EXPECT_EQ(Code(Post(Signed(Form("uploads/bob/a.png")))), "AccessDenied");
  EXPECT_EQ(Code(Post(Signed(Form("uploads/", true)), "x", "evil")), "AccessDenied");
}

TEST_F(PostObjectTest, OtherPostsAreNoForms) {
  auto send = [&](const std::string& type, const std::string& body) {
    return Code(Fetch(*client_, {"POST", url_, {{"Content-Type", type}}, body, nullptr, nullptr}).value());
  };
  EXPECT_EQ(send("application/json", "{}"), "RequestIsNotMultiPartContent");
  EXPECT_EQ(send("multipart/form-data; boundary=b", "--b\r\nbroken"), "MalformedPOSTRequest");
  EXPECT_EQ(send("multipart/form-data; boundary=b",
                 "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nv\r\n--b--"),
            "IncorrectNumberOfFilesInPOSTRequest");
  EXPECT_EQ(send("multipart/form-data; boundary=b",
                 "--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nv\r\n--b--"),
            "InvalidArgument");
  EXPECT_EQ(Code(Post({{"key", "uploads/alice/x"}})), "InvalidArgument");
  EXPECT_EQ(Code(Post(With(Signed(Form("uploads/alice/a")), "x-oss-meta-a", "b\r\nc"))), "InvalidArgument");
}

}  // namespace
}  // namespace sluice::sandbox
