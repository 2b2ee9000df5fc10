// SPDX-License-Identifier: Apache-2.0
// The broker when many come at once and when STS is in trouble, against the sandbox's faults and counts.
#include <atomic>
#include <future>
#include <set>

#include "clients/cpp/token_client.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "common/http/curl_client.h"
#include "tests/support/loopback.h"
#include "tests/support/scrape.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"

namespace sluice::testing {
namespace {

using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;
using token::v1::PlanUploadRequest;

class LoadIntegrationTest : public ::testing::Test {
 protected:
  void Start(const std::string& more = "", Stack::Options options = {}) {
    options.more = more;
    stack_ = std::make_unique<Stack>(std::move(options));
    http_ = http::MakeCurlClient({});
  }
  std::unique_ptr<client::TokenClient> ClientOf(const std::string& subject) {
    client::TokenClientOptions options;
    options.address = stack_->broker_grpc();
    options.jwt = SecretString(stack_->Mint(subject));
    return client::TokenClient::Make(options).value();
  }
  static Deadline Within(std::chrono::milliseconds span) { return Deadline::After(span); }
  void Arm(const std::string& fault) { ASSERT_TRUE(stack_->sandbox().faults().Arm(fault).ok()) << fault; }
  void Mend() { stack_->sandbox().faults().Clear("sts", std::nullopt); }
  sandbox::StsStats::Counts Asked() { return stack_->sandbox().stats().Read(); }
  http::Response Get(const std::string& url) {
    auto answer = Fetch(*http_, {"GET", url, {}, "", nullptr, nullptr});
    EXPECT_TRUE(answer.ok()) << answer.status();
    return *std::move(answer);
  }

  std::unique_ptr<Stack> stack_;
  std::unique_ptr<http::Client> http_;
};

TEST_F(LoadIntegrationTest, AThousandCallersOfOneMissingTokenCauseOneAssumeRole) {
  Start("load: {subject_calls_per_second: 10000}\n");
  Arm("service=sts&kind=latency&value=300ms");
  const auto alice = ClientOf("alice");
  constexpr int kCallers = 1000;
  std::atomic<int> left = kCallers;
  std::mutex mutex;
  std::set<std::string> grants;
  std::promise<void> all;

  for (int i = 0; i < kCallers; ++i) {
    alice->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20)), {},
               [&](absl::StatusOr<IssueTokenResponse> answer) {
                 EXPECT_TRUE(answer.ok()) << answer.status();
                 std::lock_guard lock(mutex);
                 if (answer.ok()) grants.insert(answer->grant_id());
                 if (--left == 0) all.set_value();
               });
  }
  all.get_future().wait();

  EXPECT_EQ(Asked().sessions_issued, 1u);
  EXPECT_EQ(grants.size(), 1u);
  const std::string text = Get(stack_->admin() + "/metrics").body;
  const Scrape scrape(text);
  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.Value("sluice_token_cache_total{answer=\"miss\"}"), 1);
  EXPECT_EQ(*scrape.Value("sluice_token_cache_total{answer=\"coalesced\"}") +
                *scrape.Value("sluice_token_cache_total{answer=\"hit\"}"),
            kCallers - 1);
  EXPECT_EQ(scrape.Value("sluice_sts_calls_total{result=\"OK\"}"), 1);
  EXPECT_EQ(scrape.Value("sluice_requests_total{method=\"IssueToken\",code=\"OK\",reason=\"\"}"), kCallers);
  EXPECT_EQ(scrape.Value("sluice_token_life_seconds_count"), kCallers);
  EXPECT_GT(scrape.Value("sluice_sts_budget_left"), 0);
  EXPECT_EQ(scrape.Value("sluice_jwts_verified_total{cached=\"true\"}"), kCallers - 1);
  EXPECT_EQ(scrape.Value("sluice_development"), 1);
}

TEST_F(LoadIntegrationTest, AnAnswerThatLiesReadyIsTheOneThatWasMadeButForItsTime) {
  Start();
  const auto alice = ClientOf("alice");
  const auto ask = [&] { return alice->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20))); };
  ASSERT_THAT(ask(), IsOk());
  const auto made = ask();
  ASSERT_THAT(made, IsOk());
  stack_->clock().Advance(std::chrono::seconds(61));

  auto ready = ask();

  ASSERT_THAT(ready, IsOk());
  EXPECT_GE(ready->server_time().seconds() - made->server_time().seconds(), 61);
  *ready->mutable_server_time() = made->server_time();
  EXPECT_EQ(ready->SerializeAsString(), made->SerializeAsString());
  const std::string lines = stack_->StopAndReadAllLines();
  size_t recorded = 0;
  for (size_t at = 0; (at = lines.find("\"method\":\"IssueToken\"", at)) != std::string::npos; ++at)
    ++recorded;
  EXPECT_EQ(recorded, 3u);
  EXPECT_EQ(Asked().sessions_issued, 1u);
}

TEST_F(LoadIntegrationTest, CallersOfATokenThatHasGrownOldCauseOneMore) {
  Start("load: {subject_calls_per_second: 10000}\n");
  const auto alice = ClientOf("alice");
  IssueTokenRequest request;
  request.mutable_ttl()->set_seconds(900);
  ASSERT_THAT(alice->Ask(request, Within(std::chrono::seconds(20))), IsOk());
  // Ten of its fifteen minutes must be left when it is given out.
  stack_->clock().Advance(std::chrono::seconds(310));
  Arm("service=sts&kind=latency&value=300ms");
  constexpr int kCallers = 64;
  std::atomic<int> left = kCallers;
  std::promise<void> all;

  for (int i = 0; i < kCallers; ++i) {
    alice->Ask(request, Within(std::chrono::seconds(20)), {},
               [&](const absl::StatusOr<IssueTokenResponse>& answer) {
                 EXPECT_THAT(answer, IsOk());
                 if (--left == 0) all.set_value();
               });
  }
  all.get_future().wait();

  EXPECT_EQ(Asked().sessions_issued, 2u);
}

TEST_F(LoadIntegrationTest, AnOldTokenServesWhileStsIsAwayUntilItsLastFiveMinutes) {
  Start();
  const auto alice = ClientOf("alice");
  IssueTokenRequest request;
  request.mutable_ttl()->set_seconds(900);
  const auto first = alice->Ask(request, Within(std::chrono::seconds(20)));
  ASSERT_THAT(first, IsOk());
  Arm("service=sts&kind=error&value=503");

  stack_->clock().Advance(std::chrono::seconds(310));
  const auto stale = alice->Ask(request, Within(std::chrono::seconds(20)));
  ASSERT_THAT(stale, IsOk());
  EXPECT_EQ(stale->grant_id(), first->grant_id());
  EXPECT_THAT(ClientOf("bob")->Ask(request, Within(std::chrono::seconds(20))),
              FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  const std::string text = Get(stack_->admin() + "/metrics").body;
  EXPECT_EQ(Scrape(text).Value("sluice_token_cache_total{answer=\"stale\"}"), 1);

  stack_->clock().Advance(std::chrono::seconds(300));
  const absl::Status told = alice->Ask(request, Within(std::chrono::seconds(20))).status();
  EXPECT_THAT(told, FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_TRUE(RetryDelay(told));
}

TEST_F(LoadIntegrationTest, WhileStsIsAwayCachedCallersSeeNothingAndOthersAreToldWhenToComeBack) {
  Start();
  const auto alice = ClientOf("alice");
  const auto bob = ClientOf("bob");
  ASSERT_THAT(alice->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20))), IsOk());
  for (const char* kind : {"kind=reset", "kind=error&value=503", "kind=garbage"}) {
    Arm(std::string("service=sts&") + kind);
    EXPECT_THAT(alice->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20))), IsOk()) << kind;
    const absl::Status told = bob->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20))).status();
    EXPECT_EQ(told.code(), absl::StatusCode::kUnavailable) << kind << told;
    EXPECT_TRUE(RetryDelay(told)) << kind;
    Mend();
  }
  // Silence: told within the caller's own deadline, not at STS's.
  Arm("service=sts&kind=stall");
  const auto began = std::chrono::steady_clock::now();
  const absl::Status told = bob->Ask(IssueTokenRequest(), Within(std::chrono::seconds(2))).status();
  EXPECT_THAT(told, FailsWith(absl::StatusCode::kUnavailable, "STS_UNREACHABLE"));
  EXPECT_TRUE(RetryDelay(told));
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(2));
  Mend();
  // Within two seconds of its return, coming back as told.
  absl::Status again = told;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!again.ok() && std::chrono::steady_clock::now() < end)
    again = bob->Ask(IssueTokenRequest(), Within(std::chrono::seconds(5))).status();
  EXPECT_THAT(again, IsOk());
}

TEST_F(LoadIntegrationTest, TheShareOfStsIsNeverExceededAndEverybodyIsServedAsTold) {
  Stack::Options options;
  options.share = "5";
  Start("", std::move(options));
  constexpr int kCallers = 25;
  std::vector<std::thread> callers;
  const auto began = std::chrono::steady_clock::now();
  std::atomic<int> served = 0;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, client = ClientOf("user" + std::to_string(i))] {
      PlanUploadRequest request;
      request.set_path("a.bin");
      request.add_forms(token::v1::UPLOAD_FORM_TOKEN);
      for (int patience = 0; patience < 100; ++patience) {
        const auto plan = client->Ask(request, Within(std::chrono::seconds(5)));
        if (plan.ok()) {
          ++served;
          return;
        }
        EXPECT_EQ(Reason(plan.status()), "STS_BUDGET_SPENT") << plan.status();
        const auto wait = RetryDelay(plan.status());
        ASSERT_TRUE(wait);
        std::this_thread::sleep_for(*wait);  // as told: that is what is tested
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(served, kCallers);
  // Between two calls lie 210 ms; the first finds a full bucket.
  EXPECT_GE(std::chrono::steady_clock::now() - began, (kCallers - 1) * std::chrono::milliseconds(210));
  // No more than 5 but where a machine that is too busy delivers several at once.
  EXPECT_LT(Asked().most_received_in_a_second, 10u);
  EXPECT_EQ(Asked().sessions_issued, static_cast<uint64_t>(kCallers));
}

TEST_F(LoadIntegrationTest, FormsThatAreSignedHereCostOneSessionForAll) {
  Start();
  for (int i = 0; i < 20; ++i) {
    PlanUploadRequest request;
    request.set_path("a.bin");
    request.set_size_bytes(10);
    const auto plan = ClientOf("user" + std::to_string(i))->Ask(request, Within(std::chrono::seconds(20)));
    ASSERT_THAT(plan, IsOk());
    EXPECT_EQ(plan->form(), token::v1::UPLOAD_FORM_URL);
  }
  EXPECT_EQ(Asked().sessions_issued, 1u);
}

TEST_F(LoadIntegrationTest, WhoAsksTooOftenIsToldOverHttpTooAndOthersAreNot) {
  Start("load: {subject_calls_per_second: 1}\nhttp: {real_status_codes: true}\n");
  const auto ask = [&](const std::string& jwt) {
    return Fetch(*http_, {"GET",
                          stack_->broker_http() + "/get_sts_token",
                          {{"Authorization", "Bearer " + jwt}},
                          "",
                          nullptr,
                          nullptr})
        .value();
  };
  const std::string alice = stack_->Mint("alice");
  ask(alice);
  ask(alice);
  const http::Response refused = ask(alice);
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(http::FindHeader(refused.headers, "Retry-After"), "1");
  EXPECT_NE(refused.body.find("SUBJECT_RATE_EXCEEDED"), std::string::npos);
  EXPECT_EQ(ask(stack_->Mint("bob")).status, 200);
}

TEST_F(LoadIntegrationTest, ACallMoreThanItTakesOnIsShedAtTheDoor) {
  Start("load: {in_flight: 1}\n");
  Arm("service=sts&kind=stall");
  const auto alice = ClientOf("alice");
  std::promise<void> ended;
  alice->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20)), {},
             [&](const absl::StatusOr<IssueTokenResponse>& answer) {
               EXPECT_THAT(answer, IsOk());
               ended.set_value();
             });
  while (Asked().most_received_in_a_second == 0) std::this_thread::yield();

  const absl::Status shed =
      ClientOf("bob")->Ask(IssueTokenRequest(), Within(std::chrono::seconds(5))).status();

  EXPECT_THAT(shed, FailsWith(absl::StatusCode::kUnavailable, "BROKER_OVERLOADED"));
  EXPECT_TRUE(RetryDelay(shed));
  const http::Response over_http = Get(stack_->broker_http() + "/v1/grants");
  EXPECT_EQ(over_http.status, 503);
  EXPECT_EQ(http::FindHeader(over_http.headers, "Retry-After"), "1");
  EXPECT_NE(over_http.body.find("BROKER_OVERLOADED"), std::string::npos);
  Mend();
  ended.get_future().wait();
}

TEST_F(LoadIntegrationTest, TheAdminPortTellsOfStsInTroubleAndOfADrain) {
  Start();
  EXPECT_EQ(Get(stack_->admin() + "/readyz").status, 200);
  EXPECT_EQ(Get(stack_->admin() + "/healthz?deep").status, 200);
  Arm("service=sts&kind=error&value=503");
  (void)ClientOf("alice")->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20)));
  const http::Response deep = Get(stack_->admin() + "/healthz?deep");
  EXPECT_EQ(deep.status, 503);
  EXPECT_NE(deep.body.find("STS_UNREACHABLE"), std::string::npos);
  EXPECT_EQ(Get(stack_->admin() + "/readyz").status, 200);  // a replica is not at fault for STS
  EXPECT_EQ(Get(stack_->admin() + "/healthz").status, 200);
  Mend();

  stack_->broker().AnnounceEnd();

  EXPECT_EQ(Get(stack_->admin() + "/readyz").status, 503);
  token::v1::ListGrantsRequest grants;
  EXPECT_THAT(ClientOf("bob")->Ask(grants, Within(std::chrono::seconds(20))), IsOk());  // still served
}

TEST_F(LoadIntegrationTest, ADrainLetsACallUnderWayEnd) {
  Start();
  Arm("service=sts&kind=latency&value=500ms");
  const auto alice = ClientOf("alice");
  std::promise<absl::Status> ended;
  alice->Ask(IssueTokenRequest(), Within(std::chrono::seconds(20)), {},
             [&](const absl::StatusOr<IssueTokenResponse>& answer) { ended.set_value(answer.status()); });
  while (Asked().most_received_in_a_second == 0) std::this_thread::yield();

  stack_->broker().Stop(std::chrono::seconds(10));

  EXPECT_THAT(ended.get_future().get(), IsOk());
}

}  // namespace
}  // namespace sluice::testing
