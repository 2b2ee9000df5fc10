// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/issue_shortcut.h"

#include "services/token_broker/api.h"
#include "tests/support/fake_audit.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_sts.h"
#include "tests/support/fake_timers.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/photos_grant.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::IsOk;
using token::v1::IssueTokenRequest;
using token::v1::IssueTokenResponse;

class ChangingKeys final : public identity::KeySource {
 public:
  std::shared_ptr<const identity::Jwks> keys;
  std::shared_ptr<const identity::Jwks> Current() const override { return keys; }
  void Refresh(absl::AnyInvocable<void()> done) override { done(); }
};

// An Api with what is around it, and calls as the gRPC edge makes them: the shortcut first, then the method.
class IssueShortcutTest : public ::testing::Test {
 protected:
  IssueShortcutTest() {
    keys_->keys = identity::ParseJwks(maker_.Jwks()).value();
    Mint(std::chrono::hours(1));
  }

  void Mint(std::chrono::seconds life) {
    sts_.answer = aliyun::Credentials{"STS.K" + std::to_string(++minted_), SecretString("s"),
                                      SecretString("t"), clock_.Now() + life};
  }
  std::string Bearer(const std::string& subject) {
    return "Bearer " + maker_.Token({{"iss", "https://id"},
                                     {"sub", subject},
                                     {"aud", "sluice"},
                                     {"exp", 1767229200}});  // four hours of the fake clock
  }

  // Only what the shortcut itself answers.
  std::optional<IssueTokenResponse> Try(rpc::Arrival call) {
    const auto rendered = api_.TryIssueToken(call);
    if (!rendered) return std::nullopt;
    IssueTokenResponse out;
    EXPECT_TRUE(out.ParseFromString(*rendered->shared + rendered->own));
    return out;
  }
  std::optional<IssueTokenResponse> Try() { return Try(Arrival()); }
  absl::StatusOr<IssueTokenResponse> Ask(const rpc::Arrival& call) {
    rpc::CallContext context;
    context.authorization = call.authorization;
    context.peer = call.peer;
    context.tls = call.tls;
    context.forwarded_for = call.forwarded_for;
    IssueTokenRequest request;
    EXPECT_TRUE(request.ParseFromString(std::string(call.request)));
    absl::StatusOr<IssueTokenResponse> out = absl::UnknownError("never answered");
    api_.IssueToken(request, std::move(context), [&](auto answer) { out = std::move(answer); });
    return out;
  }
  // Until the answer lies ready: one that is minted, then one from the cache.
  IssueTokenResponse AskTwice() {
    EXPECT_THAT(Ask(Arrival()), IsOk());
    const auto second = Ask(Arrival());
    EXPECT_THAT(second, IsOk());
    return second.value_or(IssueTokenResponse());
  }
  rpc::Arrival Arrival() const {
    rpc::Arrival out;
    out.peer = "192.0.2.1";
    out.tls = true;
    out.authorization = alice_;
    return out;
  }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeSts sts_;
  int minted_ = 0;
  sluice::testing::FakeAudit audit_;
  sluice::testing::FakeTimers timers_;
  BrokerMetrics metrics_;
  sluice::testing::JwtMaker maker_{"ES256"};
  const std::string alice_ = Bearer("alice");
  const std::shared_ptr<ChangingKeys> keys_ = std::make_shared<ChangingKeys>();
  const identity::Authenticator authenticator_{
      {{{"app", {"https://id", {"sluice"}, std::chrono::seconds(0)}, keys_}}, {}, {}, nullptr}, clock_};
  const Grants grants_{{sluice::testing::PhotosGrant()}};
  CurrentDenyList denied_;
  Load load_{{0, 0, 5, 0}, timers_};
  TokenCache tokens_{sts_, clock_, timers_, metrics_, load_, std::chrono::seconds(5), 16 << 20};
  Issuer issuer_{tokens_, load_, audit_, metrics_, clock_, 1 << 20};
  SigningSessions sessions_{grants_, tokens_, audit_, clock_};
  Presigner presigner_{grants_, sessions_, load_, audit_, clock_};
  Api api_{{authenticator_,
            grants_,
            denied_,
            issuer_,
            presigner_,
            load_,
            metrics_,
            nullptr,
            audit_,
            clock_,
            {IpRange::Parse("10.0.0.0/8").value()},
            ""}};
};

TEST_F(IssueShortcutTest, AnswersWhatTheApiAnswersButForTheTime) {
  EXPECT_FALSE(Try());
  ASSERT_THAT(Ask(Arrival()), IsOk());
  EXPECT_FALSE(Try()) << "an answer that was minted is kept once it is asked for again";
  const auto from_cache = Ask(Arrival());
  ASSERT_THAT(from_cache, IsOk());
  clock_.Advance(std::chrono::seconds(61));

  auto again = Try();

  ASSERT_TRUE(again);
  EXPECT_EQ(again->server_time().seconds(), from_cache->server_time().seconds() + 61);
  *again->mutable_server_time() = from_cache->server_time();
  EXPECT_EQ(again->SerializeAsString(), from_cache->SerializeAsString());
  EXPECT_EQ(sts_.asked.size(), 1u);
}

TEST_F(IssueShortcutTest, IsRecordedAndCountedAsEveryCall) {
  AskTwice();
  rpc::Arrival call = Arrival();
  call.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  clock_.Advance(std::chrono::seconds(5));
  ASSERT_TRUE(Try(call));

  ASSERT_EQ(audit_.records.size(), 3u);
  AuditRecord expected = audit_.records[1];
  EXPECT_EQ(audit_.records[2].trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_NE(audit_.records[2].request_id, expected.request_id);
  EXPECT_EQ(audit_.records[2].time, clock_.Now());
  expected.time = audit_.records[2].time;
  expected.trace_id = audit_.records[2].trace_id;
  expected.request_id = audit_.records[2].request_id;
  EXPECT_EQ(AuditLine(audit_.records[2]), AuditLine(expected));
  const std::string text = metrics_.Text();
  for (const char* line : {R"(sluice_requests_total{method="IssueToken",code="OK",reason=""} 3)",
                           R"(sluice_token_cache_total{answer="hit"} 2)", "sluice_token_life_seconds_count 3",
                           R"(sluice_request_seconds_count{method="IssueToken"} 3)"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "\n" << text;
  EXPECT_EQ(load_.in_flight(), 0);
}

TEST_F(IssueShortcutTest, EveryDifferenceIsLeftToTheApi) {
  AskTwice();
  const std::string mallory = Bearer("mallory");
  const std::string longer = alice_ + "x";
  IssueTokenRequest narrow;
  narrow.set_path("a/");
  const std::string other_request = narrow.SerializeAsString();
  const std::vector<std::function<void(rpc::Arrival&)>> changes = {
      [&](rpc::Arrival& call) { call.authorization = mallory; },
      [&](rpc::Arrival& call) { call.authorization = longer; },
      [&](rpc::Arrival& call) { call.authorization = ""; },
      [&](rpc::Arrival& call) { call.ticket = "x"; },
      [&](rpc::Arrival& call) { call.peer = "192.0.2.2"; },
      [&](rpc::Arrival& call) { call.tls = false; },
      [&](rpc::Arrival& call) { call.request = other_request; },
      [&](rpc::Arrival& call) { call.request = "\xff"; },
  };
  for (size_t i = 0; i < changes.size(); ++i) {
    rpc::Arrival call = Arrival();
    changes[i](call);
    EXPECT_FALSE(Try(call)) << i;
  }
  EXPECT_TRUE(Try());
}

TEST_F(IssueShortcutTest, TheAddressIsTheOneBehindATrustedProxy) {
  AskTwice();
  rpc::Arrival call = Arrival();
  call.peer = "10.1.2.3";
  EXPECT_FALSE(Try(call));
  call.forwarded_for = "192.0.2.1";
  EXPECT_TRUE(Try(call));
  call.forwarded_for = "192.0.2.7";
  EXPECT_FALSE(Try(call));
  call.peer = "192.0.2.9";
  call.forwarded_for = "192.0.2.1";
  EXPECT_FALSE(Try(call)) << "this one is no proxy of ours";
}

TEST_F(IssueShortcutTest, ACallerWhoIsDeniedMeanwhileGetsNothing) {
  AskTwice();
  config::v1::DenyList list;
  list.add_subjects()->set_subject("alice");
  denied_.Set(DenyList::Read(list).value());

  EXPECT_FALSE(Try());
  EXPECT_EQ(Reason(Ask(Arrival()).status()), "SUBJECT_DENIED");
}

TEST_F(IssueShortcutTest, ATokenThatExpiredOrWhoseKeysChangedGetsNothing) {
  AskTwice();
  keys_->keys = identity::ParseJwks(maker_.Jwks()).value();
  EXPECT_FALSE(Try());
  AskTwice();
  Mint(std::chrono::hours(12));
  clock_.Advance(std::chrono::hours(5));
  EXPECT_FALSE(Try());
  EXPECT_FALSE(Ask(Arrival()).ok());
}

TEST_F(IssueShortcutTest, TheCacheIsAskedAgainWhenTheTokenNearsItsEnd) {
  AskTwice();
  clock_.Advance(std::chrono::minutes(45));  // 16 are always left
  Mint(std::chrono::hours(1));
  timers_.Advance(std::chrono::seconds(1));
  EXPECT_FALSE(Try());
  EXPECT_EQ(AskTwice().credentials().access_key_id(), "STS.K2");

  const auto again = Try();
  ASSERT_TRUE(again);
  EXPECT_EQ(again->credentials().access_key_id(), "STS.K2");
}

TEST_F(IssueShortcutTest, ATokenThatWasRenewedAheadIsGivenNoMore) {
  const auto first = AskTwice();
  ASSERT_TRUE(Try());
  // Within the last third before 16 minutes are left every token is renewed behind its callers' backs.
  clock_.Advance(std::chrono::minutes(43));
  Mint(std::chrono::hours(1));
  EXPECT_FALSE(Try());
  ASSERT_THAT(Ask(Arrival()), IsOk());  // from the cache, and renews
  EXPECT_EQ(sts_.asked.size(), 2u);
  EXPECT_FALSE(Try()) << "of the first token";
  ASSERT_THAT(Ask(Arrival()), IsOk());

  const auto again = Try();
  ASSERT_TRUE(again);
  EXPECT_NE(again->credentials().access_key_id(), first.credentials().access_key_id());
}

TEST_F(IssueShortcutTest, LimitsHoldAndTheRefusalIsTheApis) {
  AskTwice();
  int served = 0;
  for (int i = 0; i < 50; ++i) served += Try().has_value();

  EXPECT_EQ(served, 8);  // five a second with two seconds at once; two were asked for above
  EXPECT_EQ(Reason(Ask(Arrival()).status()), "SUBJECT_RATE_EXCEEDED");
  EXPECT_EQ(load_.in_flight(), 0);
}

TEST_F(IssueShortcutTest, WhatCannotBeRecordedIsNotAnswered) {
  AskTwice();
  audit_.answer = Fail(absl::StatusCode::kUnavailable, "AUDIT_UNAVAILABLE", "full");

  EXPECT_FALSE(Try());
  EXPECT_EQ(Reason(Ask(Arrival()).status()), "AUDIT_UNAVAILABLE");
}

}  // namespace
}  // namespace sluice::broker
