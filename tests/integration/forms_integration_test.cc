// SPDX-License-Identifier: Apache-2.0
// Every form of credential beside a token, against the sandbox's own judgement.
#include "common/base/file.h"
#include "common/crypto/digest.h"
#include "common/crypto/encoding.h"
#include "common/http/curl_client.h"
#include "common/http/form_post.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/json_calls.h"
#include "tests/support/stack.h"

namespace sluice {
namespace {

using http::FormPost;
using sluice::testing::CallJson;
using sluice::testing::Fetch;
using sluice::testing::JsonAnswer;
using sluice::testing::Stack;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

constexpr char kGrants[] = R"(
- name: photos
  who: [{provider: sandbox, claims: {kind: user}}]
  delegates: [{provider: sandbox, claims: {role: backend}}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  operations: [UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE]
  ticket_ttl_max: 2h
- name: limited
  who: [{provider: sandbox, claims: {kind: limited}}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  prefix: uploads/limited/{subject}/
  operations: [UPLOAD, DOWNLOAD]
  limits: {max_object_bytes: 20MiB, content_types: [image/*]}
- name: inside
  who: [{provider: sandbox, claims: {kind: inside}}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  prefix: uploads/inside/{subject}/
  operations: [UPLOAD]
  conditions: {source_ips: [10.0.0.0/8]}
)";

class FormsIntegrationTest : public ::testing::Test {
 protected:
  FormsIntegrationTest() {
    Stack::Options options;
    options.grants = kGrants;
    options.files = {{"deny.yaml", "{}\n"}};
    options.more =
        "deny: {file: TEST_DIRdeny.yaml}\ntrusted_proxies: [127.0.0.1]\ngateway_address: "
        "gateway.example:50052\n";
    stack_ = std::make_unique<Stack>(std::move(options));
    alice_ = stack_->Mint("alice", "&kind=user");
    limited_ = stack_->Mint("alice", "&kind=limited");
  }
  JsonAnswer Call(const std::string& path, const json::object& body, const std::string& jwt,
                  http::Headers headers = {}) {
    if (!jwt.empty()) headers.emplace_back("Authorization", "Bearer " + jwt);
    return CallJson(*client_, stack_->broker_http() + path, &body, std::move(headers));
  }
  JsonAnswer Url(json::object body, const std::string& jwt) { return Call("/v1/urls:sign", body, jwt); }
  // Does what the `index`th URL of an answer says.
  http::Response Use(const JsonAnswer& answer, const std::string& body = "", size_t index = 0,
                     http::Headers more = {}) {
    if (!answer.body.contains("urls")) {
      ADD_FAILURE() << json::serialize(answer.body);
      return {};
    }
    const auto& url = answer.body.at("urls").at(index).as_object();
    http::Request request{std::string(JsonText(url, "httpMethod")),
                          std::string(JsonText(url, "url")),
                          {},
                          body,
                          nullptr,
                          nullptr};
    if (url.contains("headers")) {
      for (const auto& [name, value] : url.at("headers").as_object())
        request.headers.emplace_back(std::string(name), std::string(value.as_string()));
    }
    for (auto& header : more) request.headers.push_back(std::move(header));
    return Fetch(*client_, std::move(request)).value();
  }
  static std::vector<std::pair<std::string, std::string>> Fields(const JsonAnswer& answer) {
    std::vector<std::pair<std::string, std::string>> out;
    if (!answer.body.contains("fields")) {
      ADD_FAILURE() << json::serialize(answer.body);
      return out;
    }
    for (const auto& [name, value] : answer.body.at("fields").as_object())
      out.emplace_back(std::string(name), std::string(value.as_string()));
    return out;
  }
  static std::string Element(const std::string& xml, const std::string& name) {
    const size_t from = xml.find("<" + name + ">");
    if (from == std::string::npos) return "";
    return xml.substr(from + name.size() + 2, xml.find("</" + name + ">") - from - name.size() - 2);
  }

  std::unique_ptr<Stack> stack_;
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
  std::string alice_;
  std::string limited_;
};

TEST_F(FormsIntegrationTest, EachMethodOfAUrlDoesItsOneThing) {
  const auto put = Url({{"path", "cat.png"},
                        {"method", "URL_METHOD_PUT"},
                        {"contentType", "image/png"},
                        {"metadata", {{"who", "me"}}},
                        {"contentLength", "4"},
                        {"contentMd5", crypto::Base64Encode(crypto::Md5("meow"))}},
                       alice_);
  EXPECT_EQ(Use(put, "meow").status, 200);
  const auto get = Use(Url({{"path", "cat.png"}, {"method", "URL_METHOD_GET"}}, alice_));
  EXPECT_EQ(get.body, "meow");
  EXPECT_EQ(http::FindHeader(get.headers, "Content-Type"), "image/png");
  EXPECT_EQ(http::FindHeader(get.headers, "x-oss-meta-who"), "me");
  EXPECT_EQ(http::FindHeader(get.headers, "x-oss-meta-sluice-grant"), put.text("grantId"));
  EXPECT_EQ(Use(Url({{"path", "cat.png"}, {"method", "URL_METHOD_HEAD"}}, alice_)).status, 200);
  EXPECT_EQ(Use(Url({{"path", "cat.png"}, {"method", "URL_METHOD_DELETE"}}, alice_)).status, 204);
  EXPECT_EQ(Use(Url({{"path", "cat.png"}, {"method", "URL_METHOD_GET"}}, alice_)).status, 404);
}

TEST_F(FormsIntegrationTest, WhatAUrlBindsCannotBeChanged) {
  const auto put =
      Url({{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"contentType", "image/png"}, {"contentLength", 4}},
          alice_);
  EXPECT_EQ(Use(put, "longer than that").status, 403);
  EXPECT_EQ(Use(put, "meow", 0, {{"x-oss-object-acl", "public-read"}}).status, 403);
  EXPECT_EQ(Use(put, "meow", 0, {{"x-oss-meta-sluice-grant", "forged"}}).status, 403);
  JsonAnswer other = put;
  other.body["urls"].at(0).at("headers").as_object()["Content-Type"] = "text/html";
  EXPECT_EQ(Use(other, "meow").status, 403);
  for (const auto& [from, to] :
       std::vector<std::pair<std::string, std::string>>{{"/uploads/alice/a", "/uploads/bob/a"},
                                                        {"/uploads/alice/a", "/uploads/alice/b"},
                                                        {"x-oss-expires=", "x-oss-expires=9"}}) {
    JsonAnswer changed = put;
    std::string url(changed.body["urls"].at(0).at("url").as_string());
    ASSERT_NE(url.find(from), std::string::npos) << url;
    url.replace(url.find(from), from.size(), to);
    changed.body["urls"].at(0).as_object()["url"] = url;
    EXPECT_EQ(Use(changed, "meow").status, 403) << to;
  }
  JsonAnswer read = put;
  read.body["urls"].at(0).as_object()["httpMethod"] = "GET";
  EXPECT_EQ(Use(read).status, 403);
  EXPECT_EQ(Use(put, "meow").status, 200);
  stack_->sandbox().clock().Advance(std::chrono::minutes(16));
  EXPECT_THAT(Use(put, "meow").body, HasSubstr("expired"));
}

TEST_F(FormsIntegrationTest, AMultipartUploadGoesByUrlsAlone) {
  const auto begun = Use(
      Url({{"path", "big.bin"}, {"method", "URL_METHOD_INITIATE_MULTIPART"}, {"contentType", "image/png"}},
          alice_));
  const std::string id = Element(begun.body, "UploadId");
  ASSERT_FALSE(id.empty()) << begun.body;
  const std::string part(200 * 1024, 'p');
  const auto parts = Url({{"path", "big.bin"},
                          {"method", "URL_METHOD_UPLOAD_PART"},
                          {"uploadId", id},
                          {"partNumbers", {1, 2}},
                          {"contentLength", part.size()}},
                         alice_);
  std::string complete = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < 2; ++i) {
    const auto stored = Use(parts, part, i);
    EXPECT_EQ(stored.status, 200) << stored.body;
    complete += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
                std::string(http::FindHeader(stored.headers, "ETag")) + "</ETag></Part>";
  }
  const json::object of_upload{{"path", "big.bin"}, {"uploadId", id}};
  auto with = [&](const char* method) {
    json::object out = of_upload;
    out["method"] = method;
    return Url(out, alice_);
  };
  EXPECT_THAT(Use(with("URL_METHOD_LIST_PARTS")).body, HasSubstr("<PartNumber>2</PartNumber>"));
  EXPECT_EQ(Use(with("URL_METHOD_COMPLETE_MULTIPART"), complete + "</CompleteMultipartUpload>").status, 200);
  const auto got = Use(Url({{"path", "big.bin"}, {"method", "URL_METHOD_GET"}}, alice_));
  EXPECT_EQ(got.body, part + part);
  EXPECT_FALSE(http::FindHeader(got.headers, "x-oss-meta-sluice-grant").empty());
  const auto other = Use(Url({{"path", "x"}, {"method", "URL_METHOD_INITIATE_MULTIPART"}}, alice_));
  EXPECT_EQ(Use(Url({{"path", "x"},
                     {"method", "URL_METHOD_ABORT_MULTIPART"},
                     {"uploadId", Element(other.body, "UploadId")}},
                    alice_))
                .status,
            204);
}

TEST_F(FormsIntegrationTest, UrlsCostOneAssumeRoleForAll) {
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(Url({{"path", "x" + std::to_string(i)}, {"method", "URL_METHOD_PUT"}},
                  stack_->Mint("u" + std::to_string(i), "&kind=user"))
                  .status,
              200);
  const std::string lines = stack_->StopAndReadAllLines();
  size_t sessions = 0;
  for (size_t at = 0; (at = lines.find("\"SigningSession\"", at)) != std::string::npos; ++at) ++sessions;
  EXPECT_EQ(sessions, 1u);
  EXPECT_THAT(lines, HasSubstr("\"form\":\"PUT\""));
  EXPECT_THAT(lines, Not(HasSubstr("x-oss-signature")));
}

TEST_F(FormsIntegrationTest, BadRequestsForUrlsHaveTheirReasons) {
  const std::pair<json::object, const char*> cases[] = {
      {{{"path", "a"}}, "REQUEST_INVALID"},
      {{{"path", "a/"}, {"method", "URL_METHOD_GET"}}, "PATH_INVALID"},
      {{{"path", "../bob/a"}, {"method", "URL_METHOD_GET"}}, "PATH_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_GET"}, {"contentType", "a/b"}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"contentType", "nothing"}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"contentMd5", "AAAA"}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"contentLength", "5368709121"}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"metadata", {{"a b", "c"}}}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"metadata", {{"a", "b\r\nc: d"}}}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"metadata", {{"sluice-grant", "x"}}}},
       "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"process", "image/resize,w_1"}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"ttl", "0s"}}, "TTL_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_PUT"}, {"ttl", "7200s"}}, "SCOPE_NOT_GRANTED"},
      {{{"path", "a"}, {"method", "URL_METHOD_UPLOAD_PART"}, {"partNumbers", {1}}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_UPLOAD_PART"}, {"uploadId", "x"}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_UPLOAD_PART"}, {"uploadId", "x"}, {"partNumbers", {1, 1}}},
       "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_UPLOAD_PART"}, {"uploadId", "x"}, {"partNumbers", {10001}}},
       "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_UPLOAD_PART"}, {"uploadId", "x y"}, {"partNumbers", {1}}},
       "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "URL_METHOD_GET"}, {"process", "image/evil,w_1"}}, "PROCESS_INVALID"},
      {{{"path", "a"},
        {"method", "URL_METHOD_GET"},
        {"process", "image/watermark,image_" + crypto::Base64UrlEncode("uploads/bob/a.png")}},
       "PROCESS_INVALID"},
      {{{"path", "a"}, {"method", 99}}, "REQUEST_INVALID"},
      {{{"path", "a"}, {"method", "NOTHING"}}, "REQUEST_MALFORMED"}};
  for (const auto& [body, reason] : cases) {
    const auto answer = Url(body, alice_);
    EXPECT_EQ(answer.reason(), reason) << json::serialize(body) << json::serialize(answer.body);
  }
}

TEST_F(FormsIntegrationTest, AFormPutsWhatItSaysAndNothingElse) {
  const auto exact = Call(
      "/v1/forms:sign",
      {{"path", "f.png"}, {"contentType", "image/png"}, {"maxLength", 10}, {"successStatus", 201}}, alice_);
  EXPECT_EQ(Fetch(*client_, FormPost(exact.text("url"), Fields(exact), {"meow"}))->status, 201);
  EXPECT_EQ(Fetch(*client_, FormPost(exact.text("url"), Fields(exact), {"longer than ten"}))->status, 400);
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"key", "uploads/bob/f.png"},
                                                        {"key", "uploads/alice/g.png"},
                                                        {"Content-Type", "text/html"},
                                                        {"x-oss-meta-sluice-grant", "forged"}}) {
    auto fields = Fields(exact);
    for (auto& field : fields)
      if (field.first == name) field.second = value;
    EXPECT_EQ(Fetch(*client_, FormPost(exact.text("url"), fields, {"meow"}))->status, 403) << name;
  }
  auto acl = Fields(exact);
  acl.emplace_back("x-oss-object-acl", "public-read");
  EXPECT_EQ(Fetch(*client_, FormPost(exact.text("url"), acl, {"meow"}))->status, 403);

  const auto prefix = Call("/v1/forms:sign", {{"path", "album/"}}, alice_);
  EXPECT_EQ(Fetch(*client_, FormPost(prefix.text("url"), Fields(prefix), {"meow", "cat.png"}))->status, 204);
  const auto got = Use(Url({{"path", "album/cat.png"}, {"method", "URL_METHOD_GET"}}, alice_));
  EXPECT_EQ(got.body, "meow");
  EXPECT_EQ(http::FindHeader(got.headers, "x-oss-meta-sluice-grant"), prefix.text("grantId"));

  EXPECT_EQ(Call("/v1/forms:sign", {{"minLength", 5}, {"maxLength", 4}}, alice_).reason(), "REQUEST_INVALID");
  EXPECT_EQ(Call("/v1/forms:sign", {{"successStatus", 302}}, alice_).reason(), "REQUEST_INVALID");
}

TEST_F(FormsIntegrationTest, LimitsHoldOrAreRefused) {
  EXPECT_EQ(Call("/v1/tokens:issue", json::object{}, limited_).reason(), "LIMIT_NOT_ENFORCEABLE");
  EXPECT_EQ(Call("/v1/tokens:issue", {{"operations", {"OPERATION_DOWNLOAD"}}}, limited_).status, 200);
  auto put = [&](json::object more) {
    json::object body{{"path", "a.png"}, {"method", "URL_METHOD_PUT"}, {"contentType", "image/png"}};
    for (const auto& [name, value] : more) body[name] = value;
    return Url(body, limited_).reason();
  };
  EXPECT_EQ(put({}), "LIMIT_NOT_ENFORCEABLE");
  EXPECT_EQ(put({{"contentLength", 100}}), "");
  EXPECT_EQ(put({{"contentLength", (20 << 20) + 1}}), "LIMIT_EXCEEDED");
  EXPECT_EQ(put({{"contentLength", 100}, {"contentType", "text/html"}}), "LIMIT_EXCEEDED");
  EXPECT_EQ(put({{"contentLength", 100}, {"contentType", "IMAGE/png; a=b"}}), "");
  auto part = [&](int number, uint64_t length) {
    return Url({{"path", "a.png"},
                {"method", "URL_METHOD_UPLOAD_PART"},
                {"uploadId", "u"},
                {"partNumbers", {number}},
                {"contentLength", length}},
               limited_)
        .reason();
  };
  // 20 MiB in slots of 8: 8, 8 and 4.
  EXPECT_EQ(part(1, 8 << 20), "");
  EXPECT_EQ(part(3, 4 << 20), "");
  EXPECT_EQ(part(3, (4 << 20) + 1), "LIMIT_EXCEEDED");
  EXPECT_EQ(part(4, 1), "LIMIT_EXCEEDED");
  EXPECT_EQ(part(1, (8 << 20) + 1), "LIMIT_EXCEEDED");
  const auto form = Call("/v1/forms:sign", {{"path", "f.png"}}, limited_);
  auto fields = Fields(form);
  fields.emplace_back("Content-Type", "image/gif");
  EXPECT_EQ(Fetch(*client_, FormPost(form.text("url"), fields, {"GIF"}))->status, 204);
  fields.back().second = "text/html";
  EXPECT_EQ(Fetch(*client_, FormPost(form.text("url"), fields, {"<html>"}))->status, 403);
  EXPECT_EQ(Call("/v1/forms:sign", {{"path", "f.png"}, {"maxLength", 20971521}}, limited_).reason(),
            "LIMIT_EXCEEDED");
}

TEST_F(FormsIntegrationTest, APlanIsTheCheapestFormThatHolds) {
  auto plan = [&](json::object body, const std::string& jwt) { return Call("/v1/uploads:plan", body, jwt); };
  const auto url = plan({{"path", "a"}, {"sizeBytes", 5}}, alice_);
  EXPECT_EQ(url.text("form"), "UPLOAD_FORM_URL");
  JsonAnswer inner{200, url.body.at("url").as_object()};
  EXPECT_EQ(Use(inner, "bytes").status, 200);
  EXPECT_EQ(plan({{"path", "a"}}, limited_).reason(), "LIMIT_EXCEEDED");
  EXPECT_EQ(plan({{"path", "a"}, {"contentType", "image/png"}}, limited_).text("form"),
            "UPLOAD_FORM_POST_FORM");
  const auto parts = plan({{"path", "a"}, {"sizeBytes", "1073741824"}}, alice_);
  EXPECT_EQ(parts.text("form"), "UPLOAD_FORM_PART_URLS");
  EXPECT_EQ(parts.body.at("partUrls").at("parts").to_number<int>(), 128);
  EXPECT_EQ(plan({{"path", "a"}, {"sizeBytes", 5}, {"forms", {"UPLOAD_FORM_TOKEN"}}}, alice_).text("form"),
            "UPLOAD_FORM_TOKEN");
  EXPECT_EQ(plan({{"path", "a"}, {"contentType", "image/png"}, {"forms", {"UPLOAD_FORM_TOKEN"}}}, limited_)
                .reason(),
            "LIMIT_NOT_ENFORCEABLE");
  EXPECT_EQ(
      plan({{"path", "a"}, {"sizeBytes", "60000000000"}, {"forms", {"UPLOAD_FORM_URL"}}}, alice_).reason(),
      "FORM_UNUSABLE");
  EXPECT_EQ(plan({{"path", "a"}, {"forms", {"UPLOAD_FORM_GATEWAY"}}}, alice_)
                .body.at("gateway")
                .at("address")
                .as_string(),
            "gateway.example:50052");
  EXPECT_EQ(plan({{"path", "a/"}}, alice_).reason(), "PATH_INVALID");
  EXPECT_EQ(plan({{"path", "a"}, {"forms", {99}}}, alice_).reason(), "REQUEST_INVALID");
}

TEST_F(FormsIntegrationTest, ABackendGetsAnAddressForItsUserAndBobsPrefixStaysShut) {
  const std::string backend = stack_->Mint("web", "&role=backend");
  const json::object for_alice{{"subject", "alice"},
                               {"operations", {"OPERATION_UPLOAD", "OPERATION_DOWNLOAD"}}};
  EXPECT_EQ(Call("/v1/tokens:issue", json::object{}, backend).reason(), "GRANT_NOT_HELD");
  EXPECT_EQ(Call("/v1/tickets:issue", for_alice, alice_).reason(), "DELEGATION_NOT_GRANTED");
  const auto ticket = Call("/v1/tickets:issue", for_alice, backend);
  ASSERT_EQ(ticket.status, 200) << json::serialize(ticket.body);
  const auto sdk = CallJson(*client_, ticket.text("stsUrl"), nullptr, {});
  EXPECT_EQ(sdk.body.at("StatusCode").to_number<int>(), 200) << json::serialize(sdk.body);
  const http::Headers with{{"X-Sluice-Ticket", ticket.text("ticket")}};
  const auto token = Call("/v1/tokens:issue", json::object{}, "", with);
  EXPECT_EQ(token.body.at("scope").at("prefix").as_string(), "uploads/alice/");
  EXPECT_EQ(token.body.at("scope").at("operations").as_array().size(), 2u);
  EXPECT_EQ(Use(Call("/v1/urls:sign", {{"path", "a"}, {"method", "URL_METHOD_PUT"}}, "", with), "x").status,
            200);
  // A ticket narrows and never widens, and makes no ticket.
  EXPECT_EQ(Call("/v1/urls:sign", {{"path", "a"}, {"method", "URL_METHOD_DELETE"}}, "", with).reason(),
            "SCOPE_NOT_GRANTED");
  EXPECT_EQ(Call("/v1/tokens:issue", {{"grant", "limited"}}, "", with).reason(), "GRANT_NOT_HELD");
  EXPECT_EQ(Call("/v1/tickets:issue", json::object{}, "", with).reason(), "TICKET_NOT_ALLOWED");
  EXPECT_EQ(Call("/v1/tokens:issue", json::object{}, alice_, with).reason(), "TOKEN_MALFORMED");
  EXPECT_EQ(Call("/v1/tokens:issue", json::object{}, ticket.text("ticket")).reason(), "TOKEN_MALFORMED");
  const std::string lines = stack_->StopAndReadAllLines();
  EXPECT_THAT(lines, HasSubstr("\"subject\":\"alice\",\"actor\":\"sandbox:web\""));
  EXPECT_THAT(lines, Not(HasSubstr(ticket.text("ticket"))));
}

TEST_F(FormsIntegrationTest, ATicketKeepsToItsPathOperationsAndTime) {
  const auto ticket = Call("/v1/tickets:issue",
                           {{"path", "a/"}, {"operations", {"OPERATION_UPLOAD"}}, {"ttl", "60s"}}, alice_);
  ASSERT_EQ(ticket.status, 200) << json::serialize(ticket.body);
  const http::Headers with{{"X-Sluice-Ticket", ticket.text("ticket")}};
  auto token = [&](json::object body) { return Call("/v1/tokens:issue", body, "", with); };
  EXPECT_EQ(token(json::object{}).body.at("scope").at("prefix").as_string(), "uploads/alice/a/");
  EXPECT_EQ(token({{"path", "a/b/"}}).status, 200);
  EXPECT_EQ(token({{"path", "b/"}}).reason(), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(token({{"path", "a"}}).reason(), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(token({{"path", "a/../b/"}}).reason(), "PATH_INVALID");
  EXPECT_EQ(token({{"operations", {"OPERATION_DOWNLOAD"}}}).reason(), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(Call("/v1/tickets:issue", {{"ttl", "3h"}}, alice_).reason(), "REQUEST_MALFORMED");
  EXPECT_EQ(Call("/v1/tickets:issue", {{"ttl", "10800s"}}, alice_).reason(), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(Call("/v1/tickets:issue", {{"claims", {{"tenant", "x"}}}}, alice_).reason(), "REQUEST_INVALID");
}

TEST_F(FormsIntegrationTest, ListGrantsSaysWhatOneMayAskFor) {
  const auto answer = CallJson(*client_, stack_->broker_http() + "/v1/grants", nullptr,
                               {{"Authorization", "Bearer " + limited_}});
  ASSERT_EQ(answer.status, 200);
  ASSERT_EQ(answer.body.at("grants").as_array().size(), 1u);
  const auto& grant = answer.body.at("grants").at(0).as_object();
  EXPECT_EQ(JsonText(grant, "name"), "limited");
  EXPECT_EQ(grant.at("scope").at("prefix").as_string(), "uploads/limited/alice/");
  EXPECT_EQ(JsonText(grant, "maxObjectBytes"), "20971520");
}

TEST_F(FormsIntegrationTest, ConditionsAreJudgedBehindTrustedProxies) {
  const std::string inside = stack_->Mint("alice", "&kind=inside");
  const json::object url{{"path", "a"}, {"method", "URL_METHOD_PUT"}};
  EXPECT_EQ(Url(url, inside).reason(), "CONDITION_NOT_MET");
  auto from = [&](const char* forwarded) {
    return Call("/v1/urls:sign", url, inside, {{"X-Forwarded-For", forwarded}});
  };
  EXPECT_EQ(from("10.1.2.3").status, 200);
  EXPECT_EQ(from("8.8.8.8, 10.1.2.3").status, 200);
  // What a caller wrote itself stands before what the proxy saw.
  EXPECT_EQ(from("10.1.2.3, 8.8.8.8").reason(), "CONDITION_NOT_MET");
  EXPECT_EQ(from("10.1.2.3, junk").reason(), "CONDITION_NOT_MET");
  const auto token = Call("/v1/tokens:issue", json::object{}, inside, {{"X-Forwarded-For", "10.1.2.3"}});
  EXPECT_THAT(token.text("policyJson"), HasSubstr(R"("IpAddress":{"acs:SourceIp":"10.0.0.0/8"})"));
}

TEST_F(FormsIntegrationTest, TheKillSwitchWorksWithinASecond) {
  const auto ticket = Call("/v1/tickets:issue", json::object{}, alice_);
  const http::Headers with{{"X-Sluice-Ticket", ticket.text("ticket")}};
  const json::object url{{"path", "a"}, {"method", "URL_METHOD_PUT"}};
  EXPECT_EQ(Url(url, alice_).status, 200);
  stack_->WriteFile("deny.yaml", "subjects: [{provider: sandbox, subject: alice}]\n");
  stack_->log().Await("deny_list_loaded", 1);
  EXPECT_EQ(Url(url, alice_).reason(), "SUBJECT_DENIED");
  EXPECT_EQ(Call("/v1/tokens:issue", json::object{}, alice_).reason(), "SUBJECT_DENIED");
  EXPECT_EQ(Call("/v1/forms:sign", json::object{}, alice_).reason(), "SUBJECT_DENIED");
  EXPECT_EQ(Call("/v1/uploads:plan", {{"path", "a"}}, alice_).reason(), "SUBJECT_DENIED");
  EXPECT_EQ(Call("/v1/tickets:issue", json::object{}, alice_).reason(), "SUBJECT_DENIED");
  EXPECT_EQ(Call("/v1/tokens:issue", json::object{}, "", with).reason(), "SUBJECT_DENIED");
  EXPECT_EQ(Url(url, stack_->Mint("bob", "&kind=user")).status, 200);
  // A bad list is refused and the last good one stays.
  stack_->WriteFile("deny.yaml", "subjects: [{who: bob}]\n");
  stack_->log().Await("deny_list_refused", 1);
  EXPECT_EQ(Url(url, alice_).reason(), "SUBJECT_DENIED");
  stack_->WriteFile("deny.yaml", "grants: [photos]\n");
  stack_->log().Await("deny_list_loaded", 2);
  EXPECT_EQ(Url(url, alice_).reason(), "GRANT_DENIED");
  EXPECT_EQ(Call("/v1/tickets:issue", {{"subject", "alice"}}, stack_->Mint("web", "&role=backend")).reason(),
            "GRANT_DENIED");
}

TEST_F(FormsIntegrationTest, APictureIsAnsweredSmaller) {
  const std::string png = ReadFile(std::string(SLUICE_SOURCE_DIR) + "/deploy/demo/picture.png").value();
  EXPECT_EQ(
      Use(Url({{"path", "p.png"}, {"method", "URL_METHOD_PUT"}, {"contentType", "image/png"}}, alice_), png)
          .status,
      200);
  const auto small =
      Use(Url({{"path", "p.png"}, {"method", "URL_METHOD_GET"}, {"process", "image/resize,w_2"}}, alice_));
  EXPECT_EQ(small.status, 200) << small.body;
  EXPECT_EQ(small.body.substr(16, 4), std::string("\0\0\0\2", 4));  // the width in a PNG's header
  EXPECT_LT(small.body.size(), png.size());
  const auto marked = Use(
      Url({{"path", "p.png"},
           {"method", "URL_METHOD_GET"},
           {"process", "image/watermark,image_" +
                           crypto::Base64UrlEncode("uploads/alice/p.png?x-oss-process=image/resize,w_1")}},
          alice_));
  EXPECT_EQ(marked.status, 200) << marked.body;
}

}  // namespace
}  // namespace sluice
