// SPDX-License-Identifier: Apache-2.0
// The C++ client against the real broker, in the clear and under TLS.
#include <atomic>
#include <future>

#include "clients/cpp/token_client.h"
#include "common/http/curl_client.h"
#include "tests/support/loopback.h"
#include "tests/support/silent_listener.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"

namespace sluice::client {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::Fetch;
using sluice::testing::IsOk;
using sluice::testing::SilentListener;
using sluice::testing::Stack;

Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }

TEST(TokenClientTest, IssuesAndExplainsAndPassesOnTheBrokersReasons) {
  Stack stack;
  auto client = TokenClient::Make({stack.broker_grpc(), SecretString(stack.Mint("alice")), ""}).value();

  const auto token = client->Ask(token::v1::IssueTokenRequest(), Soon());
  ASSERT_THAT(token, IsOk());
  EXPECT_EQ(token->scope().prefix(), "uploads/alice/");
  token::v1::ExplainAccessRequest question;
  question.set_operation(token::v1::OPERATION_DELETE);
  question.set_path("x");
  EXPECT_EQ(client->Ask(question, Soon())->reason(), "SCOPE_NOT_GRANTED");
  token::v1::IssueTokenRequest wide;
  wide.add_operations(token::v1::OPERATION_DELETE);
  const absl::Status refused = client->Ask(wide, Soon()).status();
  EXPECT_THAT(refused, FailsWith(StatusCode::kPermissionDenied, "SCOPE_NOT_GRANTED"));
  EXPECT_EQ(Metadata(refused).at("nearest_grant"), "photos");

  token::v1::IssueTokenRequest large;
  large.set_path(std::string(70000, 'a'));
  EXPECT_THAT(client->Ask(large, Soon()), FailsWith(StatusCode::kInvalidArgument, "REQUEST_TOO_LARGE"));
  auto heavy = TokenClient::Make({stack.broker_grpc(), SecretString(std::string(30000, 'a')), ""}).value();
  EXPECT_THAT(heavy->Ask(token::v1::IssueTokenRequest(), Soon()),
              FailsWith(StatusCode::kInvalidArgument, "REQUEST_TOO_LARGE"));
}

TEST(TokenClientTest, WorksUnderTlsAndOnlyWithTheRightAuthority) {
  const sluice::testing::TempDir dir;
  const sluice::testing::TestCertificate certificate;
  const std::string ca = dir.Write("ca.pem", certificate.certificate);
  const std::string other = dir.Write("other.pem", sluice::testing::TestCertificate().certificate);
  Stack::Options options;
  options.tls = "tls: {cert_file: " + ca + ", key_file: " + dir.Write("key.pem", certificate.key) + "}";
  Stack stack(options);
  const SecretString jwt(stack.Mint("alice"));

  EXPECT_THAT(TokenClient::Make({"https://" + stack.broker_grpc(), jwt, ca})
                  .value()
                  ->Ask(token::v1::IssueTokenRequest(), Soon()),
              IsOk());
  EXPECT_THAT(TokenClient::Make({"https://" + stack.broker_grpc(), jwt, other})
                  .value()
                  ->Ask(token::v1::IssueTokenRequest(), Deadline::After(std::chrono::seconds(5))),
              FailsWith(StatusCode::kUnavailable, "BROKER_UNREACHABLE"));
  // The HTTP listener as well.
  const std::string url =
      "https://127.0.0.1:" + std::to_string(stack.broker().http_port()) + "/get_sts_token";
  const http::Request request{"GET", url,     {{"Authorization", "Bearer " + jwt.Reveal()}},
                              "",    nullptr, nullptr};
  http::CurlOptions trusting;
  trusting.ca_file = ca;
  const auto answer = Fetch(*http::MakeCurlClient(trusting), request);
  ASSERT_THAT(answer, IsOk());
  EXPECT_NE(answer->body.find("\"StatusCode\":200"), std::string::npos);
  EXPECT_FALSE(Fetch(*http::MakeCurlClient({}), request).ok());
}

TEST(TokenClientTest, NobodyAndSilenceAndCancelHaveReasonsOfTheirOwn) {
  const SilentListener silent;
  auto client = TokenClient::Make({silent.address(), SecretString("a.b.c"), ""}).value();
  EXPECT_THAT(client->Ask(token::v1::IssueTokenRequest(), Deadline::After(std::chrono::milliseconds(200))),
              FailsWith(StatusCode::kDeadlineExceeded, "BROKER_TIMEOUT"));

  CancelSource source;
  std::promise<absl::StatusOr<token::v1::IssueTokenResponse>> answer;
  client->Ask(token::v1::IssueTokenRequest(), Soon(), source.token(),
              [&](auto result) { answer.set_value(std::move(result)); });
  source.Cancel();
  EXPECT_THAT(answer.get_future().get(), FailsWith(StatusCode::kCancelled, "CALL_CANCELLED"));

  auto nobody = TokenClient::Make({"127.0.0.1:1", {}, ""}).value();
  EXPECT_THAT(nobody->Ask(token::v1::IssueTokenRequest(), Soon()),
              FailsWith(StatusCode::kUnavailable, "BROKER_UNREACHABLE"));
}

// With gRPC's callback threads, a client that went as its call ended took the last channel along on one of
// them, and the process aborted now and then.
TEST(TokenClientTest, ClientsThatComeAndGoHarmNothing) {
  Stack stack;
  const SilentListener silent;
  for (int i = 0; i < 100; ++i) {
    auto client = TokenClient::Make({stack.broker_grpc(), SecretString("a.b.c"), ""}).value();
    EXPECT_THAT(client->Ask(token::v1::IssueTokenRequest(), Soon()),
                FailsWith(StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
  }
  std::atomic<int> ended = 0;
  for (int i = 0; i < 20; ++i) {
    auto client = TokenClient::Make({silent.address(), {}, ""}).value();
    client->Ask(token::v1::IssueTokenRequest(), Soon(), CancelToken(),
                [&](const auto& answer) { ended += absl::IsCancelled(answer.status()); });
  }
  EXPECT_EQ(ended, 20);
}

TEST(TokenClientTest, BadOptionsAreRefusedBeforeAnyCall) {
  EXPECT_THAT(TokenClient::Make({"broker.example.com:1", {}, ""}),
              FailsWith(StatusCode::kInvalidArgument, "BROKER_ADDRESS_INVALID"));
  EXPECT_THAT(TokenClient::Make({"127.0.0.1:1", SecretString("a\nb"), ""}),
              FailsWith(StatusCode::kInvalidArgument, "JWT_UNUSABLE"));
  EXPECT_THAT(TokenClient::Make({"https://127.0.0.1:1", {}, "/nonexistent"}),
              FailsWith(StatusCode::kInvalidArgument, "CA_UNREADABLE"));
}

}  // namespace
}  // namespace sluice::client
