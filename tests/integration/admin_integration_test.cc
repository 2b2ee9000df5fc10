// SPDX-License-Identifier: Apache-2.0
// What operators and their machines see of a running broker, and how it ends.
#include <future>

#include "clients/cpp/token_client.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/http/curl_client.h"
#include "tests/support/json_calls.h"
#include "tests/support/loopback.h"
#include "tests/support/raw_grpc.h"
#include "tests/support/scrape.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"

namespace sluice::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::ListGrantsRequest;

class AdminIntegrationTest : public ::testing::Test {
 protected:
  std::unique_ptr<client::TokenClient> ClientOf(const std::string& jwt) {
    client::TokenClientOptions options;
    options.address = stack_.broker_grpc();
    options.jwt = SecretString(jwt);
    return client::TokenClient::Make(options).value();
  }
  static Deadline Soon() { return Deadline::After(std::chrono::seconds(20)); }
  std::string Metrics() {
    return Fetch(*http_, {"GET", stack_.admin() + "/metrics", {}, "", nullptr, nullptr})->body;
  }
  JsonAnswer Get(const std::string& url) { return CallJson(*http_, url, nullptr, {}); }
  JsonAnswer IssueOverHttp(http::Client& client, const std::string& jwt) {
    const boost::json::object body;
    return CallJson(client, stack_.broker_http() + "/v1/tokens:issue", &body,
                    {{"Authorization", "Bearer " + jwt}});
  }
  void AwaitCallsAtSts(uint64_t calls) {
    while (stack_.sandbox().stats().Read().received["AssumeRole"] < calls) std::this_thread::yield();
  }

  Stack stack_;
  const std::unique_ptr<http::Client> http_ = http::MakeCurlClient({});
};

TEST_F(AdminIntegrationTest, CallsAreCountedByOutcomeOverBothTransportsAndNameNobody) {
  const std::string jwt = stack_.Mint("alice");
  const auto alice = ClientOf(jwt);
  IssueTokenRequest papers;
  papers.set_grant("papers");
  ASSERT_THAT(alice->Ask(IssueTokenRequest(), Soon()), IsOk());
  ASSERT_EQ(IssueOverHttp(*http_, jwt).status, 200);
  EXPECT_THAT(alice->Ask(papers, Soon()), FailsWith(absl::StatusCode::kPermissionDenied, "GRANT_NOT_HELD"));
  EXPECT_THAT(alice->Ask(ListGrantsRequest(), Soon()), IsOk());
  EXPECT_EQ(IssueOverHttp(*http_, "x").reason(), "TOKEN_MALFORMED");
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=sts&kind=error&value=503").ok());
  EXPECT_THAT(ClientOf(stack_.Mint("bob"))->Ask(IssueTokenRequest(), Soon()),
              FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));

  const std::string text = Metrics();
  const Scrape scrape(text);

  EXPECT_EQ(scrape.fault(), "");
  const auto requests = [&](const std::string& method, const std::string& code, const std::string& reason) {
    return scrape.Value("sluice_requests_total{method=\"" + method + "\",code=\"" + code + "\",reason=\"" +
                        reason + "\"}");
  };
  EXPECT_EQ(requests("IssueToken", "OK", ""), 2);
  EXPECT_EQ(requests("IssueToken", "PERMISSION_DENIED", "GRANT_NOT_HELD"), 1);
  EXPECT_EQ(requests("IssueToken", "UNAUTHENTICATED", "TOKEN_MALFORMED"), 1);
  EXPECT_EQ(requests("IssueToken", "UNAVAILABLE", "STS_UNREACHABLE"), 1);
  EXPECT_EQ(requests("ListGrants", "OK", ""), 1);
  EXPECT_EQ(scrape.Value("sluice_request_seconds_count{method=\"IssueToken\"}"), 5);
  EXPECT_EQ(scrape.Value("sluice_token_cache_total{answer=\"hit\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_token_cache_total{answer=\"miss\"}"), 2);
  EXPECT_EQ(scrape.Value("sluice_token_cache_entries"), 1);
  EXPECT_EQ(scrape.Value("sluice_sts_calls_total{result=\"OK\"}"), 1);
  EXPECT_GE(scrape.Value("sluice_sts_calls_total{result=\"STS_UNREACHABLE\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_token_life_seconds_count"), 2);
  EXPECT_EQ(scrape.Value("sluice_jwts_verified_total{cached=\"false\"}"), 2);
  EXPECT_EQ(scrape.Value("sluice_ready"), 1);
  // A call is out of it a moment after its answer has gone.
  const Deadline gone = Soon();
  while (Scrape(Metrics()).Value("sluice_calls_in_flight") != 0 && gone.Left().count() > 0)
    std::this_thread::yield();
  EXPECT_EQ(Scrape(Metrics()).Value("sluice_calls_in_flight"), 0);
  // Series are bounded, and no scraper learns who called.
  for (const char* name : {"alice", "bob", "papers", "photos", "STS.", "eyJ"})
    EXPECT_THAT(text, Not(HasSubstr(name)));
}

TEST_F(AdminIntegrationTest, ReflectionAndChannelzAreOfTheAdminPortAlone) {
  RawGrpc admin(stack_.broker().admin_port());
  RawGrpc open(stack_.broker().grpc_port());

  EXPECT_THAT(admin.Call(kReflect, kListServices).bytes, HasSubstr("sluice.token.v1.TokenBroker"));
  EXPECT_TRUE(admin.Call(kChannelzServers, "").status.ok());
  EXPECT_EQ(admin.Call("/sluice.token.v1.TokenBroker/ListGrants", "").status.error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
  for (const char* method : {kReflect, kChannelzServers}) {
    const std::string request = method == kReflect ? kListServices : "";
    EXPECT_EQ(open.Call(method, request).status.error_code(), grpc::StatusCode::UNIMPLEMENTED) << method;
  }
  EXPECT_EQ(Get(stack_.broker_http() + "/metrics").status, 404);
  EXPECT_EQ(Get(stack_.broker_http() + "/readyz").status, 404);
}

TEST_F(AdminIntegrationTest, ADrainIsToldToWhoeverBalancesAndCallersAreServedOn) {
  RawGrpc admin(stack_.broker().admin_port());
  RawGrpc open(stack_.broker().grpc_port());
  const std::string jwt = stack_.Mint("alice");
  EXPECT_EQ(open.Call(kHealthCheck, "").bytes, kServing);
  EXPECT_EQ(admin.Call(kHealthCheck, "").bytes, kServing);
  EXPECT_EQ(Get(stack_.admin() + "/readyz").body["draining"], false);

  stack_.broker().AnnounceEnd();

  EXPECT_EQ(open.Call(kHealthCheck, "").bytes, kNotServing);
  EXPECT_EQ(admin.Call(kHealthCheck, "").bytes, kNotServing);
  const JsonAnswer ready = Get(stack_.admin() + "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body.at("draining"), true);
  EXPECT_EQ(Get(stack_.admin() + "/healthz?deep").status, 200);
  EXPECT_EQ(Scrape(Metrics()).Value("sluice_ready"), 0);
  EXPECT_THAT(ClientOf(jwt)->Ask(IssueTokenRequest(), Soon()), IsOk());
  EXPECT_EQ(IssueOverHttp(*http_, jwt).status, 200);
}

TEST_F(AdminIntegrationTest, AStopRefusesWhoIsNewOnBothTransportsWhileCallsUnderWayEnd) {
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=sts&kind=stall").ok());
  const auto alice = ClientOf(stack_.Mint("alice"));
  std::promise<absl::Status> over_grpc;
  alice->Ask(IssueTokenRequest(), Soon(), {},
             [&](const absl::StatusOr<IssueTokenResponse>& answer) { over_grpc.set_value(answer.status()); });
  auto over_http = std::async(std::launch::async, [&, jwt = stack_.Mint("bob")] {
    return IssueOverHttp(*http::MakeCurlClient({}), jwt).status;
  });
  AwaitCallsAtSts(2);

  auto stopped = std::async(std::launch::async, [&] { stack_.broker().Stop(std::chrono::seconds(30)); });

  // Each is refused at once, however long the calls of the other take to end.
  const auto began = std::chrono::steady_clock::now();
  const auto waited = [&] { return std::chrono::steady_clock::now() - began; };
  const auto grpc_refuses = [&] {
    // While it serves it says TOKEN_MALFORMED.
    return Reason(ClientOf("x")->Ask(ListGrantsRequest(), Soon()).status()) == "BROKER_UNREACHABLE";
  };
  const auto http_refuses = [&] {
    return IssueOverHttp(*http::MakeCurlClient({}), "x").status == 0;  // else 401
  };
  while (!(grpc_refuses() && http_refuses()) && waited() < std::chrono::seconds(3)) std::this_thread::yield();
  EXPECT_TRUE(grpc_refuses());
  EXPECT_TRUE(http_refuses());
  EXPECT_EQ(stopped.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  stack_.sandbox().faults().Clear("sts", std::nullopt);

  EXPECT_THAT(over_grpc.get_future().get(), IsOk());
  EXPECT_EQ(over_http.get(), 200);
  stopped.get();
  EXPECT_LT(waited(), std::chrono::seconds(20));  // not the whole grace
}

TEST_F(AdminIntegrationTest, WhenTheGraceIsOverCallsUnderWayAreCutOff) {
  ASSERT_TRUE(stack_.sandbox().faults().Arm("service=sts&kind=stall").ok());
  const auto alice = ClientOf(stack_.Mint("alice"));
  std::promise<absl::Status> ended;
  alice->Ask(IssueTokenRequest(), Soon(), {},
             [&](const absl::StatusOr<IssueTokenResponse>& answer) { ended.set_value(answer.status()); });
  AwaitCallsAtSts(1);

  stack_.broker().Stop(std::chrono::milliseconds(100));

  EXPECT_FALSE(ended.get_future().get().ok());
}

}  // namespace
}  // namespace sluice::testing
