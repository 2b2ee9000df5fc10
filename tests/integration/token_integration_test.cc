// SPDX-License-Identifier: Apache-2.0
// Broker and sandbox together: what a token reaches is judged by the sandbox's own code.
#include <grpcpp/grpcpp.h>

#include <future>

#include "common/aliyun/oss_signer.h"
#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/http/curl_client.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "sluice/token/v1/token_broker.grpc.pb.h"
#include "tests/support/loopback.h"
#include "tests/support/silent_listener.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using sluice::testing::Fetch;
using sluice::testing::Stack;
using ::testing::HasSubstr;
using ::testing::Not;
using token::v1::ExplainAccessRequest;
using token::v1::ExplainAccessResponse;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::TokenBroker;

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const auto& detail : details.details()) {
    if (detail.Is<google::rpc::ErrorInfo>()) detail.UnpackTo(&info);
  }
  return info.reason();
}

class TokenIntegrationTest : public ::testing::Test {
 protected:
  void Start(Stack::Options options = {}) {
    stack_ = std::make_unique<Stack>(std::move(options));
    stub_ =
        TokenBroker::NewStub(grpc::CreateChannel(stack_->broker_grpc(), grpc::InsecureChannelCredentials()));
  }
  grpc::Status Issue(const std::string& jwt, const IssueTokenRequest& request, IssueTokenResponse& answer) {
    grpc::ClientContext context;
    if (!jwt.empty()) context.AddMetadata("authorization", "Bearer " + jwt);
    return stub_->IssueToken(&context, request, &answer);
  }
  // The HTTP status and error code that OSS answers to `method` on `key`.
  std::pair<int, std::string> Try(const IssueTokenResponse& token, const std::string& method,
                                  const std::string& key, const std::string& body = "") {
    const aliyun::Credentials credentials{token.credentials().access_key_id(),
                                          SecretString(token.credentials().access_key_secret()),
                                          SecretString(token.credentials().security_token()), std::nullopt};
    http::Request request{method, stack_->oss() + "/sluice-demo/" + key, {}, body, nullptr, nullptr};
    aliyun::OssRequest text{method, "sluice-demo", key, {}, {}, {}};
    for (auto& header : signer_.SignHeaders(text, credentials, stack_->sandbox().clock().Now()))
      request.headers.push_back(std::move(header));
    const auto response = Fetch(*client_, std::move(request));
    if (!response.ok()) return {0, std::string(response.status().message())};
    last_body_ = response->body;
    const size_t from = response->body.find("<Code>");
    if (from == std::string::npos) return {response->status, ""};
    return {response->status, response->body.substr(from + 6, response->body.find("</Code>") - from - 6)};
  }
  http::Response Get(const std::string& path, const std::string& jwt = "") {
    http::Request request{"GET", stack_->broker_http() + path, {}, "", nullptr, nullptr};
    if (!jwt.empty()) request.headers.emplace_back("Authorization", "Bearer " + jwt);
    return Fetch(*client_, std::move(request)).value();
  }
  http::Response Post(const std::string& path, const std::string& body, const std::string& jwt) {
    http::Request request{
        "POST", stack_->broker_http() + path, {{"Content-Type", "application/json"}}, body, nullptr, nullptr};
    if (!jwt.empty()) request.headers.emplace_back("Authorization", "Bearer " + jwt);
    return Fetch(*client_, std::move(request)).value();
  }

  using Refusal = std::pair<int, std::string>;
  std::unique_ptr<Stack> stack_;
  std::unique_ptr<TokenBroker::Stub> stub_;
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
  aliyun::OssSigner signer_{"cn-hangzhou"};
  std::string last_body_;
};

TEST_F(TokenIntegrationTest, ATokenReachesItsOwnPrefixAndNothingElse) {
  Start();
  IssueTokenResponse token;
  ASSERT_TRUE(Issue(stack_->Mint("alice"), {}, token).ok());

  EXPECT_EQ(token.scope().prefix(), "uploads/alice/");
  EXPECT_EQ(Try(token, "PUT", "uploads/alice/cat.jpg", "meow"), Refusal(200, ""));
  EXPECT_EQ(Try(token, "GET", "uploads/alice/cat.jpg"), Refusal(200, ""));
  EXPECT_EQ(last_body_, "meow");
  for (const char* key :
       {"uploads/bob/x", "uploads/alic/x", "uploads/alicex/x", "uploads/alice", "x", "uploads/x"}) {
    EXPECT_EQ(Try(token, "PUT", key, "x"), Refusal(403, "AccessDenied")) << key;
    EXPECT_EQ(Try(token, "GET", key), Refusal(403, "AccessDenied")) << key;
  }
  // The grant does not give DELETE.
  EXPECT_EQ(Try(token, "DELETE", "uploads/alice/cat.jpg"), Refusal(403, "AccessDenied"));
}

TEST_F(TokenIntegrationTest, ATokenForOneObjectReachesThatObject) {
  Start();
  IssueTokenRequest request;
  request.set_path("a/b.jpg");
  request.add_operations(token::v1::OPERATION_UPLOAD);
  request.mutable_ttl()->set_seconds(900);
  IssueTokenResponse token;
  ASSERT_TRUE(Issue(stack_->Mint("alice", "&alg=ES256"), request, token).ok());

  EXPECT_EQ(token.scope().key(), "uploads/alice/a/b.jpg");
  EXPECT_EQ(token.expire_time().seconds() - token.server_time().seconds() <= 900, true);
  EXPECT_EQ(token.refresh_after().seconds(), token.expire_time().seconds() - 600);
  EXPECT_EQ(Try(token, "PUT", "uploads/alice/a/b.jpg", "x"), Refusal(200, ""));
  EXPECT_EQ(Try(token, "PUT", "uploads/alice/a/b.jpgx", "x"), Refusal(403, "AccessDenied"));
  EXPECT_EQ(Try(token, "PUT", "uploads/alice/a/b.jp", "x"), Refusal(403, "AccessDenied"));
  EXPECT_EQ(Try(token, "GET", "uploads/alice/a/b.jpg"), Refusal(403, "AccessDenied"));
}

TEST_F(TokenIntegrationTest, AnExpiredTokenIsRefusedByOss) {
  Start();
  IssueTokenResponse token;
  ASSERT_TRUE(Issue(stack_->Mint("alice"), {}, token).ok());
  stack_->sandbox().clock().Advance(std::chrono::minutes(61));

  EXPECT_EQ(Try(token, "PUT", "uploads/alice/late", "x"), Refusal(403, "SecurityTokenExpired"));
}

TEST_F(TokenIntegrationTest, SubjectsThatLookLikePolicyStayInTheirOwnFolder) {
  Start();
  for (const char* subject :
       {"*", "?", "al%2Fice", "..%2Fbob", "%24%7Bx%7D", "bob%2F*", "a%0Ab", "%22", "%E2%80%AE"}) {
    IssueTokenResponse token;
    ASSERT_TRUE(Issue(stack_->Mint(subject), {}, token).ok()) << subject;
    EXPECT_EQ(Try(token, "PUT", token.scope().prefix() + "x", "x"), Refusal(200, "")) << subject;
    EXPECT_EQ(Try(token, "PUT", "uploads/bob/x", "x"), Refusal(403, "AccessDenied")) << subject;
    EXPECT_EQ(Try(token, "PUT", "uploads/alice/x", "x"), Refusal(403, "AccessDenied")) << subject;
  }
}

TEST_F(TokenIntegrationTest, RefusalsOfTheBrokerHaveTheirReasons) {
  Start();
  IssueTokenResponse token;
  const std::string alice = stack_->Mint("alice");
  auto reason = [&](const std::string& jwt, const IssueTokenRequest& request) {
    return ReasonOf(Issue(jwt, request, token));
  };
  IssueTokenRequest wide;
  wide.add_operations(token::v1::OPERATION_DELETE);
  IssueTokenRequest other;
  other.set_grant("other");
  IssueTokenRequest bad_path;
  bad_path.set_path("../bob/");
  IssueTokenRequest long_life;
  long_life.mutable_ttl()->set_seconds(7200);

  EXPECT_EQ(reason(alice, wide), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(reason(alice, long_life), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(reason(alice, other), "GRANT_NOT_HELD");
  EXPECT_EQ(reason(alice, bad_path), "PATH_INVALID");
  EXPECT_EQ(reason("x", {}), "TOKEN_MALFORMED");
  const std::string bob = stack_->Mint("bob");
  EXPECT_EQ(reason(alice.substr(0, alice.rfind('.')) + bob.substr(bob.rfind('.')), {}), "TOKEN_REJECTED");
  EXPECT_EQ(reason(stack_->Mint("alice", "&audience=other"), {}), "TOKEN_REJECTED");
  EXPECT_EQ(reason(std::string(17000, 'a'), {}), "TOKEN_MALFORMED");
  // Anonymous exists, but no grant is for it.
  EXPECT_EQ(reason("", {}), "GRANT_NOT_HELD");
}

TEST_F(TokenIntegrationTest, ExplainSaysWhichRuleDecides) {
  Start();
  const std::string alice = stack_->Mint("alice");
  auto explain = [&](const std::string& path, token::v1::Operation operation) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer " + alice);
    ExplainAccessRequest request;
    request.set_path(path);
    request.set_operation(operation);
    ExplainAccessResponse answer;
    EXPECT_TRUE(stub_->ExplainAccess(&context, request, &answer).ok());
    return answer;
  };

  const auto allowed = explain("cat.jpg", token::v1::OPERATION_UPLOAD);
  EXPECT_TRUE(allowed.allowed());
  EXPECT_EQ(allowed.scope().key(), "uploads/alice/cat.jpg");
  EXPECT_THAT(allowed.policy_json(), HasSubstr("uploads/alice/cat.jpg"));
  EXPECT_EQ(explain("cat.jpg", token::v1::OPERATION_DELETE).reason(), "SCOPE_NOT_GRANTED");
  EXPECT_EQ(explain("../bob/x", token::v1::OPERATION_UPLOAD).reason(), "PATH_INVALID");
}

// The contract of the stock mobile SDKs, line by line.
TEST_F(TokenIntegrationTest, GetStsTokenIsWhatTheMobileSdksRead) {
  Start();
  const http::Response response =
      Get("/get_sts_token?path=a/&operations=UPLOAD&ttl=15m", stack_->Mint("alice"));

  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(http::FindHeader(response.headers, "Cache-Control"), "no-store");
  EXPECT_TRUE(ParseHttpDate(http::FindHeader(response.headers, "Date")).has_value());
  const auto body = ParseJson(response.body).value().as_object();
  EXPECT_EQ(body.at("StatusCode").as_int64(), 200);
  EXPECT_TRUE(JsonText(body, "AccessKeyId").starts_with("STS."));
  EXPECT_FALSE(JsonText(body, "AccessKeySecret").empty());
  EXPECT_FALSE(JsonText(body, "SecurityToken").empty());
  const auto expires = ParseIsoExtended(JsonText(body, "Expiration"));
  ASSERT_TRUE(expires.has_value());
  EXPECT_GE(*expires - SystemClock().Now(), std::chrono::minutes(10));
}

TEST_F(TokenIntegrationTest, GetStsTokenReportsFailuresInsideHttp200) {
  Start();
  const std::string alice = stack_->Mint("alice");
  auto failure = [&](const std::string& query, const std::string& jwt) {
    const http::Response response = Get("/get_sts_token" + query, jwt);
    EXPECT_EQ(response.status, 200);
    const auto body = ParseJson(response.body).value().as_object();
    EXPECT_FALSE(JsonText(body, "ErrorMessage").empty());
    return std::pair<int64_t, std::string>(body.at("StatusCode").as_int64(), JsonText(body, "ErrorCode"));
  };
  using Pair = std::pair<int64_t, std::string>;

  EXPECT_EQ(failure("", "x"), Pair(401, "TOKEN_MALFORMED"));
  EXPECT_EQ(failure("?operations=DELETE", alice), Pair(403, "SCOPE_NOT_GRANTED"));
  EXPECT_EQ(failure("?operations=WRITE", alice), Pair(400, "OPERATION_INVALID"));
  EXPECT_EQ(failure("?ttl=5", alice), Pair(400, "TTL_INVALID"));
  EXPECT_EQ(failure("?ttl=5m", alice), Pair(400, "TTL_INVALID"));
  EXPECT_EQ(failure("?path=..%2Fbob", alice), Pair(400, "PATH_INVALID"));
  EXPECT_EQ(failure("?path=a%00b", alice), Pair(400, "PATH_INVALID"));
  EXPECT_EQ(failure("?path=%FF", alice), Pair(400, "PATH_INVALID"));
  EXPECT_EQ(failure("?nonsense=1", alice), Pair(400, "REQUEST_MALFORMED"));
  EXPECT_EQ(failure("?path=a&path=b", alice), Pair(400, "REQUEST_MALFORMED"));
}

TEST_F(TokenIntegrationTest, RealStatusCodesAreASwitch) {
  Stack::Options options;
  options.more = "http: {real_status_codes: true}\n";
  Start(options);

  EXPECT_EQ(Get("/get_sts_token", "x").status, 401);
}

TEST_F(TokenIntegrationTest, TheHttpTwinsSpeakTheProtosJson) {
  Start();
  const std::string alice = stack_->Mint("alice");
  const http::Response issued =
      Post("/v1/tokens:issue", R"({"path":"a/","operations":["OPERATION_UPLOAD"],"ttl":"900s"})", alice);
  EXPECT_EQ(issued.status, 200) << issued.body;
  EXPECT_EQ(ParseJson(issued.body)->at("scope").at("prefix").as_string(), "uploads/alice/a/");
  const http::Response explained =
      Post("/v1/access:explain", R"({"path":"a","operation":"OPERATION_DELETE"})", alice);
  EXPECT_EQ(ParseJson(explained.body)->at("reason").as_string(), "SCOPE_NOT_GRANTED");
  EXPECT_THAT(Get("/").body, HasSubstr("curl -s '" + stack_->sandbox().issuer() + "/token?subject=alice'"));
  EXPECT_THAT(Get("/").body, HasSubstr(stack_->broker_http() + "/get_sts_token"));

  auto error = [](const http::Response& response) {
    return std::pair<int, std::string>(response.status,
                                       JsonText(ParseJson(response.body)->as_object(), "reason"));
  };
  using Pair = std::pair<int, std::string>;
  EXPECT_EQ(error(Post("/v1/tokens:issue", "{", alice)), Pair(400, "REQUEST_MALFORMED"));
  EXPECT_EQ(error(Post("/v1/tokens:issue", "[]", alice)), Pair(400, "REQUEST_MALFORMED"));
  EXPECT_EQ(error(Post("/v1/tokens:issue", R"({"pth":"a"})", alice)), Pair(400, "REQUEST_MALFORMED"));
  EXPECT_EQ(error(Post("/v1/tokens:issue", R"({"path":"a","path":"b"})", alice)),
            Pair(400, "REQUEST_MALFORMED"));
  EXPECT_EQ(error(Post("/v1/tokens:issue", std::string(5000, '['), alice)), Pair(400, "REQUEST_MALFORMED"));
  EXPECT_EQ(error(Post("/v1/tokens:issue", "{}", "x")), Pair(401, "TOKEN_MALFORMED"));
  EXPECT_EQ(Post("/v1/tokens:issue", std::string(70000, ' '), alice).status, 413);
  EXPECT_EQ(error(Get("/v1/tokens:issue", alice)), Pair(405, "METHOD_UNKNOWN"));
  EXPECT_EQ(error(Get("/nowhere")), Pair(404, "METHOD_UNKNOWN"));
}

TEST_F(TokenIntegrationTest, AnonymousCallersHaveAPrefixOfTheirOwn) {
  Stack::Options options;
  options.grants = R"(
- name: public
  who: [{provider: nobody}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  prefix: uploads/public/
  operations: [UPLOAD]
)";
  Start(options);
  IssueTokenResponse token;
  ASSERT_TRUE(Issue("", {}, token).ok());

  EXPECT_EQ(Try(token, "PUT", "uploads/public/x", "x"), Refusal(200, ""));
  EXPECT_EQ(Try(token, "PUT", "uploads/alice/x", "x"), Refusal(403, "AccessDenied"));
  EXPECT_EQ(ReasonOf(Issue(stack_->Mint("alice"), {}, token)), "GRANT_NOT_HELD");
}

TEST_F(TokenIntegrationTest, TroubleWithStsHasAReasonForEach) {
  IssueTokenResponse token;
  {
    Stack::Options options;
    options.key_secret = "wrong";
    Start(options);
    const grpc::Status status = Issue(stack_->Mint("alice"), {}, token);
    EXPECT_EQ(ReasonOf(status), "STS_REFUSED");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_THAT(status.error_message(), HasSubstr("ALIBABA_CLOUD_ACCESS_KEY_SECRET"));
  }
  {
    Stack::Options options;
    options.sts_endpoint = "http://127.0.0.1:1";
    Start(options);
    const grpc::Status status = Issue(stack_->Mint("alice"), {}, token);
    EXPECT_EQ(ReasonOf(status), "STS_UNREACHABLE");
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  }
  {
    Start();
    const std::string not_sts = stack_->oss();  // answers XML
    Stack::Options options;
    options.sts_endpoint = not_sts;
    const auto first = std::move(stack_);
    Start(options);
    EXPECT_EQ(ReasonOf(Issue(stack_->Mint("alice"), {}, token)), "STS_ANSWER_INVALID");
  }
}

TEST_F(TokenIntegrationTest, ARoleThatIsMissingOrDoesNotTrustIsTheOperatorsToMend) {
  const std::tuple<const char*, const char*, const char*, const char*> cases[] = {
      {"user/broker\"]", "user/somebody-else\"]", "STS_REFUSED", "trust policy must name it"},
      {"\"sts:AssumeRole\",\n      \"Resource\":\"acs:ram::1000000000000001:role/sluice-uploader\"",
       "\"sts:AssumeRole\",\n      \"Resource\":\"acs:ram::1000000000000001:role/other\"", "STS_REFUSED",
       "sts:AssumeRole"},
      {"- name: sluice-uploader", "- name: renamed", "ROLE_NOT_FOUND", "check role_arn"}};
  for (const auto& [from, to, reason, mend] : cases) {
    Stack::Options options;
    options.world_change = {from, to};
    Start(options);
    IssueTokenResponse token;
    const grpc::Status status = Issue(stack_->Mint("alice"), {}, token);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION) << to;
    EXPECT_EQ(ReasonOf(status), reason) << to;
    EXPECT_THAT(status.error_message(), HasSubstr(mend));
  }
}

TEST_F(TokenIntegrationTest, EveryDecisionIsAuditedAndNoSecretIsEverWritten) {
  Start();
  const std::string alice = stack_->Mint("alice");
  IssueTokenResponse token;
  ASSERT_TRUE(Issue(alice, {}, token).ok());
  IssueTokenRequest wide;
  wide.add_operations(token::v1::OPERATION_DELETE);
  IssueTokenResponse none;
  EXPECT_FALSE(Issue(alice, wide, none).ok());
  EXPECT_FALSE(Issue("garbage", {}, none).ok());
  EXPECT_EQ(Get("/get_sts_token", alice).status, 200);

  const std::string lines = stack_->StopAndReadAllLines();

  EXPECT_THAT(lines, HasSubstr("\"grant_id\":\"" + token.grant_id() + "\""));
  EXPECT_THAT(lines, HasSubstr("\"access_key_id\":\"" + token.credentials().access_key_id() + "\""));
  EXPECT_THAT(lines, HasSubstr("\"reason\":\"SCOPE_NOT_GRANTED\""));
  EXPECT_THAT(lines, HasSubstr("\"reason\":\"TOKEN_MALFORMED\""));
  EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), 4);
  for (const std::string& secret :
       {token.credentials().access_key_secret(), token.credentials().security_token(), alice,
        alice.substr(alice.rfind('.') + 1), std::string("sandbox-broker-secret")}) {
    EXPECT_THAT(lines, Not(HasSubstr(secret)));
  }
}

TEST_F(TokenIntegrationTest, ABrokerThatEndsWhileStsIsSilentEndsCleanly) {
  sluice::testing::SilentListener silent;
  Stack::Options options;
  options.sts_endpoint = "http://" + silent.address();
  Start(options);
  const std::string url = stack_->broker_http() + "/get_sts_token";
  const std::string jwt = stack_->Mint("alice");
  std::promise<void> ended;
  client_->Send({"GET", url, {{"Authorization", "Bearer " + jwt}}, "", nullptr, nullptr},
                Deadline::After(std::chrono::seconds(20)), CancelToken(),
                [&](const absl::StatusOr<http::Response>&) { ended.set_value(); });
  silent.AwaitConnection();

  (void)stack_->StopAndReadAllLines();

  ended.get_future().wait();
}

TEST_F(TokenIntegrationTest, AdminSaysReadyUntilItStops) {
  Start();
  auto admin = [&](const std::string& path) {
    return Fetch(*client_, {"GET",
                            "http://127.0.0.1:" + std::to_string(stack_->broker().admin_port()) + path,
                            {},
                            "",
                            nullptr,
                            nullptr})
        .value()
        .status;
  };

  EXPECT_EQ(admin("/healthz"), 200);
  EXPECT_EQ(admin("/readyz"), 200);
  EXPECT_EQ(admin("/else"), 404);
}

}  // namespace
}  // namespace sluice
