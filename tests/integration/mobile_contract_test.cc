// SPDX-License-Identifier: Apache-2.0
// What the stock OSS SDKs for Android and iOS need of `GET /get_sts_token`, a test per line of that contract.
// Source: the SDKs' own providers (OSSAuthCredentialsProvider, OSSAuthCredentialProvider).
#include <regex>

#include "common/base/iso_time.h"
#include "common/http/curl_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/json_calls.h"
#include "tests/support/silent_listener.h"
#include "tests/support/stack.h"

namespace sluice {
namespace {

using sluice::testing::CallJson;
using sluice::testing::Fetch;
using sluice::testing::JsonAnswer;
using sluice::testing::Stack;
using ::testing::HasSubstr;
using ::testing::Not;
namespace json = boost::json;

class MobileContractTest : public ::testing::Test {
 protected:
  void Start(Stack::Options options = {}) { stack_ = std::make_unique<Stack>(std::move(options)); }
  http::Response Get(const std::string& query = "", http::Headers headers = {}) {
    return Fetch(*client_, {"GET", stack_->broker_http() + "/get_sts_token" + query, std::move(headers), "",
                            nullptr, nullptr})
        .value();
  }
  http::Response GetAsAlice(const std::string& query = "") {
    return Get(query, {{"Authorization", "Bearer " + stack_->Mint("alice")}});
  }
  static json::object Body(const http::Response& response) { return ParseJson(response.body)->as_object(); }
  std::string Ticket() {
    const json::object empty;
    return CallJson(*client_, stack_->broker_http() + "/v1/tickets:issue", &empty,
                    {{"Authorization", "Bearer " + stack_->Mint("alice")}})
        .text("ticket");
  }
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
};

TEST_F(MobileContractTest, SuccessHasTheFiveMembersAndANumberForStatusCode) {
  Start();
  const auto answer = GetAsAlice();
  const json::object body = Body(answer);
  EXPECT_EQ(answer.status, 200);
  ASSERT_TRUE(body.at("StatusCode").is_int64());
  EXPECT_EQ(body.at("StatusCode").as_int64(), 200);
  for (const char* member : {"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration"})
    EXPECT_FALSE(JsonText(body, member).empty()) << member;
  EXPECT_EQ(body.size(), 5u);
}

TEST_F(MobileContractTest, FailureIsHttp200SinceAndroidLosesOtherBodies) {
  Start();
  for (const char* query :
       {"", "?ticket=forged", "?grant=none", "?path=../bob", "?ttl=soon", "?operations=EVIL", "?junk=1"}) {
    const auto answer = Get(query);
    const json::object body = Body(answer);
    EXPECT_EQ(answer.status, 200) << query;
    EXPECT_NE(body.at("StatusCode").as_int64(), 200) << query;
    EXPECT_FALSE(JsonText(body, "ErrorCode").empty()) << query;
    EXPECT_FALSE(JsonText(body, "ErrorMessage").empty()) << query;
  }
}

TEST_F(MobileContractTest, FailureHasItsOwnHttpStatusWhereTheOperatorWantsIt) {
  Stack::Options options;
  options.more = "http: {real_status_codes: true}\n";
  Start(std::move(options));
  EXPECT_EQ(Get("?ticket=forged").status, 401);
  EXPECT_EQ(GetAsAlice("?grant=none").status, 403);
}

TEST_F(MobileContractTest, ExpirationHasTheOneFormThatBothParsersRead) {
  Start();
  const std::string text(JsonText(Body(GetAsAlice()), "Expiration"));
  EXPECT_TRUE(std::regex_match(text, std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"))) << text;
}

TEST_F(MobileContractTest, WhatIsHandedOutLivesTenMinutesAtLeast) {
  // Both SDKs fetch again once five minutes are left: with less, every request would.
  Start();
  for (const char* query : {"", "?ttl=15m"}) {
    const auto expires = ParseIsoExtended(JsonText(Body(GetAsAlice(query)), "Expiration"));
    ASSERT_TRUE(expires);
    EXPECT_GE(*expires - std::chrono::system_clock::now(), std::chrono::minutes(10)) << query;
  }
}

TEST_F(MobileContractTest, AnAnswerComesInTimeEvenWhenStsIsSilent) {
  // The Android provider waits without an end, and holds every upload of the app meanwhile.
  const sluice::testing::SilentListener silent;
  Stack::Options options;
  options.sts_endpoint = "http://" + silent.address();
  Start(std::move(options));
  const auto answer = GetAsAlice();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(JsonText(Body(answer), "ErrorCode"), "STS_UNREACHABLE");
  EXPECT_FALSE(http::FindHeader(answer.headers, "Content-Length").empty());
}

TEST_F(MobileContractTest, TheCallerRidesInTheAddressSinceTheProviderSendsNoHeader) {
  Start();
  const auto answer = Get("?ticket=" + Ticket());
  EXPECT_EQ(Body(answer).at("StatusCode").as_int64(), 200) << answer.body;
}

TEST_F(MobileContractTest, NothingIsCachedAndNoTicketIsLogged) {
  Start();
  const std::string ticket = Ticket();
  EXPECT_EQ(http::FindHeader(Get("?ticket=" + ticket).headers, "Cache-Control"), "no-store");
  EXPECT_EQ(http::FindHeader(Get("?ticket=forged").headers, "Cache-Control"), "no-store");
  const std::string lines = stack_->StopAndReadAllLines();
  EXPECT_THAT(lines, HasSubstr("IssueTicket"));
  EXPECT_THAT(lines, Not(HasSubstr(ticket)));
  EXPECT_THAT(lines, Not(HasSubstr(ticket.substr(ticket.rfind('.') + 1))));
}

TEST_F(MobileContractTest, TheDateIsAlwaysTrue) {
  // A client with a wrong clock puts it right by this header.
  Start();
  for (const auto& answer : {GetAsAlice(), Get("?ticket=forged"), Get("?path=/")}) {
    const auto date = ParseHttpDate(http::FindHeader(answer.headers, "Date"));
    ASSERT_TRUE(date);
    EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - *date), std::chrono::seconds(5));
  }
}

TEST_F(MobileContractTest, AResumableUploadFindsTheThreeRightsItNeeds) {
  Start();
  const json::object request{{"operations", {"OPERATION_UPLOAD", "OPERATION_RESUME"}}};
  const std::string policy = CallJson(*client_, stack_->broker_http() + "/v1/tokens:issue", &request,
                                      {{"Authorization", "Bearer " + stack_->Mint("alice")}})
                                 .text("policyJson");
  for (const char* action : {"oss:PutObject", "oss:ListParts", "oss:AbortMultipartUpload"})
    EXPECT_THAT(policy, HasSubstr(action));
  EXPECT_EQ(Body(GetAsAlice("?operations=UPLOAD,RESUME")).at("StatusCode").as_int64(), 200);
}

}  // namespace
}  // namespace sluice
