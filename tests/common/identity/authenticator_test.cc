// SPDX-License-Identifier: Apache-2.0
#include "common/identity/authenticator.h"

#include "tests/support/fake_clock.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_certificate.h"

namespace sluice::identity {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::JwtMaker;

class GivenKeys final : public KeySource {
 public:
  explicit GivenKeys(std::shared_ptr<const Jwks> keys) : keys_(std::move(keys)) {}
  std::shared_ptr<const Jwks> Current() const override { return keys_; }
  void Refresh(absl::AnyInvocable<void()> done) override {
    ++refreshes;
    if (after_refresh != nullptr) keys_ = after_refresh;
    done();
  }
  std::shared_ptr<const Jwks> after_refresh;
  int refreshes = 0;

 private:
  std::shared_ptr<const Jwks> keys_;
};

class AuthenticatorTest : public ::testing::Test {
 protected:
  void SetUp() override { keys_ = std::make_shared<GivenKeys>(ParseJwks(maker_.Jwks()).value()); }
  std::unique_ptr<Authenticator> Make(std::optional<std::string> anonymous) {
    IdentityProviders providers;
    providers.jwt = {{"app", {"https://id", {"sluice"}, std::chrono::seconds(0)}, keys_}};
    providers.certificate = CertificateProvider{"mesh", CertificateProvider::Kind::kUri};
    providers.anonymous = std::move(anonymous);
    providers.tickets = tickets_;
    providers.gateways = gateways_;
    return std::make_unique<Authenticator>(std::move(providers), clock_);
  }
  static absl::StatusOr<Caller> Judge(const Authenticator& authenticator, const Proof& proof) {
    absl::StatusOr<Caller> out = absl::UnknownError("not called");
    authenticator.Authenticate(proof, [&](absl::StatusOr<Authenticator::Known> caller) {
      out = caller.ok() ? absl::StatusOr<Caller>(**caller) : caller.status();
    });
    return out;
  }
  absl::StatusOr<Caller> JudgeHeader(std::optional<std::string> anonymous, const std::string& value) {
    return Judge(*Make(std::move(anonymous)), {value, "", ""});
  }
  std::string Token(const char* issuer = "https://id", const char* audience = "sluice") {
    return maker_.Token(
        {{"iss", issuer}, {"sub", "alice"}, {"aud", audience}, {"exp", 1767229200}, {"tenant", "acme"}});
  }
  std::string Sealed(bool for_gateway) {
    Ticket ticket;
    ticket.subject = {"app", "alice", {}};
    ticket.grant = "photos";
    ticket.path = "cat.jpg";
    ticket.operations = {"UPLOAD"};
    ticket.issued = clock_.Now();
    ticket.expires = clock_.Now() + std::chrono::hours(1);
    ticket.for_gateway = for_gateway;
    return std::string(tickets_->Seal(ticket).Reveal());
  }
  JwtMaker maker_{"ES256"};
  std::shared_ptr<GivenKeys> keys_;
  std::optional<GatewayRules> gateways_;
  const std::shared_ptr<const TicketRing> tickets_ = TicketRing::Ephemeral("sluice");
  sluice::testing::FakeClock clock_;
};

TEST_F(AuthenticatorTest, ABearerTokenBecomesACallerWithItsClaims) {
  for (const char* scheme : {"Bearer ", "bearer "}) {
    const auto caller = JudgeHeader(std::nullopt, scheme + Token());
    ASSERT_THAT(caller, IsOk());
    EXPECT_EQ(caller->provider, "app");
    EXPECT_EQ(caller->subject, "alice");
    EXPECT_EQ(caller->claims.at("tenant").as_string(), "acme");
    EXPECT_FALSE(caller->anonymous);
  }
}

TEST_F(AuthenticatorTest, AnonymousExistsOnlyWhereConfigured) {
  EXPECT_THAT(JudgeHeader(std::nullopt, ""), FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING"));
  const auto caller = JudgeHeader("anon", "");
  ASSERT_THAT(caller, IsOk());
  EXPECT_TRUE(caller->anonymous);
  EXPECT_EQ(caller->provider, "anon");
}

TEST_F(AuthenticatorTest, ABadProofNeverBecomesAnonymous) {
  for (const std::string& value : {std::string("Bearer "), std::string("Bearer x"), std::string("Basic eDp5"),
                                   " Bearer " + Token(), "Bearer  " + Token(), std::string("Bearer")}) {
    EXPECT_THAT(JudgeHeader("anon", value), FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"))
        << value;
  }
  EXPECT_THAT(JudgeHeader("anon", "Bearer " + Token("https://evil")),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
}

TEST_F(AuthenticatorTest, WithoutKeysYetTheCallerIsToldToRetry) {
  keys_ = std::make_shared<GivenKeys>(nullptr);
  const absl::Status status = JudgeHeader("anon", "Bearer " + Token()).status();

  EXPECT_THAT(status, FailsWith(absl::StatusCode::kUnavailable, "IDENTITY_KEYS_MISSING"));
  EXPECT_TRUE(RetryDelay(status).has_value());
}

TEST_F(AuthenticatorTest, AnUnknownKeyIsAskedForOnceAndThenKnown) {
  const JwtMaker next("ES256", "k2");
  const std::string token =
      "Bearer " +
      next.Token({{"iss", "https://id"}, {"sub", "alice"}, {"aud", "sluice"}, {"exp", 1767229200}});
  EXPECT_THAT(JudgeHeader(std::nullopt, token),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
  keys_->after_refresh = ParseJwks(next.Jwks()).value();
  EXPECT_THAT(JudgeHeader(std::nullopt, token), IsOk());
  EXPECT_EQ(keys_->refreshes, 2);
}

TEST_F(AuthenticatorTest, ATokenVerifiedBeforeIsRefusedOnceItsKeyHasLeftOrItHasExpired) {
  const auto authenticator = Make(std::nullopt);
  const std::string header = "Bearer " + Token();
  EXPECT_THAT(Judge(*authenticator, {header, "", ""}), IsOk());
  EXPECT_THAT(Judge(*authenticator, {header, "", ""}), IsOk());
  clock_.Advance(std::chrono::hours(1));
  EXPECT_THAT(Judge(*authenticator, {header, "", ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED"));
  clock_.Advance(-std::chrono::hours(1));
  EXPECT_THAT(Judge(*authenticator, {header, "", ""}), IsOk());
  keys_->after_refresh = ParseJwks(JwtMaker("ES256", "k2").Jwks()).value();
  keys_->Refresh([] {});
  EXPECT_THAT(Judge(*authenticator, {header, "", ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
}

TEST_F(AuthenticatorTest, ACertificateIsItsOneUri) {
  const sluice::testing::TestCertificate one("URI:spiffe://acme/ns/web,DNS:web.acme");
  const auto caller = Judge(*Make("anon"), {"", "", one.certificate});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->provider, "mesh");
  EXPECT_EQ(caller->subject, "spiffe://acme/ns/web");
  EXPECT_EQ(caller->claims.at("dns").as_array().at(0).as_string(), "web.acme");
  for (const char* names : {"DNS:web.acme", "URI:spiffe://a/b,URI:spiffe://a/c"}) {
    const sluice::testing::TestCertificate other(names);
    EXPECT_THAT(Judge(*Make("anon"), {"", "", other.certificate}),
                FailsWith(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REJECTED"))
        << names;
  }
  EXPECT_THAT(Judge(*Make("anon"), {"", "", "-----BEGIN CERTIFICATE-----"}),
              FailsWith(absl::StatusCode::kUnauthenticated, "CERTIFICATE_REJECTED"));
}

TEST_F(AuthenticatorTest, ABadTokenIsNotSavedByACertificate) {
  const sluice::testing::TestCertificate good("URI:spiffe://acme/ns/web");
  EXPECT_THAT(Judge(*Make("anon"), {"Bearer x", "", good.certificate}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
  EXPECT_THAT(Judge(*Make("anon"), {"", "x", good.certificate}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_MALFORMED"));
}

TEST_F(AuthenticatorTest, ATicketIsItsSubjectAndNoJwt) {
  Ticket ticket;
  ticket.subject = {"app", "alice", {{"tenant", "acme"}}};
  ticket.grant = "photos";
  ticket.operations = {"UPLOAD"};
  ticket.issued = clock_.Now();
  ticket.expires = clock_.Now() + std::chrono::hours(1);
  const std::string sealed = tickets_->Seal(ticket).Reveal();
  const auto caller = Judge(*Make(std::nullopt), {"", sealed, ""});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->subject, "alice");
  ASSERT_TRUE(caller->ticket.has_value());
  EXPECT_EQ(caller->ticket->grant, "photos");
  EXPECT_THAT(Judge(*Make(std::nullopt), {"Bearer " + sealed, "", ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
  EXPECT_THAT(Judge(*Make(std::nullopt), {"", Token(), ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_MALFORMED"));
  EXPECT_THAT(Judge(*Make(std::nullopt), {"Bearer " + Token(), sealed, ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
}

TEST_F(AuthenticatorTest, ATokenIsRecalledOnlyOnceItWasAcceptedAndWhileItIsGood) {
  const auto authenticator = Make(std::nullopt);
  const std::string header = "Bearer " + Token();
  EXPECT_EQ(authenticator->Recall(header, clock_.Now()), nullptr);
  ASSERT_THAT(Judge(*authenticator, {header, "", ""}), IsOk());

  const auto known = authenticator->Recall(header, clock_.Now());
  ASSERT_NE(known, nullptr);
  EXPECT_EQ(known->subject, "alice");
  EXPECT_EQ(authenticator->Recall(header, clock_.Now()), known);
  EXPECT_EQ(authenticator->Recall(header + "x", clock_.Now()), nullptr);
  EXPECT_EQ(authenticator->Recall(header.substr(7), clock_.Now()), nullptr);
  EXPECT_EQ(authenticator->Recall(header, clock_.Now() + std::chrono::hours(1000)), nullptr);
}

TEST_F(AuthenticatorTest, ATokenIsNotRecalledByKeysThatWereReplaced) {
  const auto authenticator = Make(std::nullopt);
  const std::string header = "Bearer " + Token();
  ASSERT_THAT(Judge(*authenticator, {header, "", ""}), IsOk());
  keys_->after_refresh = ParseJwks(maker_.Jwks()).value();
  keys_->Refresh([] {});

  EXPECT_EQ(authenticator->Recall(header, clock_.Now()), nullptr);
}

TEST_F(AuthenticatorTest, EveryKindOfCallerIsTheSameObjectWhileItIsRemembered) {
  const auto authenticator = Make("anon");
  Ticket ticket;
  ticket.subject = {"app", "alice", {}};
  ticket.grant = "photos";
  ticket.operations = {"UPLOAD"};
  ticket.issued = clock_.Now();
  ticket.expires = clock_.Now() + std::chrono::hours(1);
  const SecretString sealed = tickets_->Seal(ticket);
  const sluice::testing::TestCertificate shown("URI:spiffe://mesh/alice");
  const auto ask = [&](const Proof& proof) {
    Authenticator::Known out;
    authenticator->Authenticate(proof, [&](absl::StatusOr<Authenticator::Known> caller) {
      ASSERT_THAT(caller, IsOk());
      out = *caller;
    });
    return out;
  };
  for (const Proof& proof : {Proof{"", sealed.Reveal(), ""}, Proof{"", "", shown.certificate}, Proof{}})
    EXPECT_EQ(ask(proof), ask(proof));
  EXPECT_NE(ask({"", sealed.Reveal(), ""}), ask({}));
  // A ticket that was accepted is no bearer token.
  EXPECT_THAT(Judge(*authenticator, {"Bearer " + std::string(sealed.Reveal()), "", ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"));
  clock_.Advance(std::chrono::hours(2));
  EXPECT_THAT(Judge(*authenticator, {"", sealed.Reveal(), ""}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_EXPIRED"));
}

class GatewaysTest : public AuthenticatorTest {
 protected:
  GatewaysTest() {
    gateways_ = GatewayRules{{"spiffe://sluice/gateway", "gateway.internal"}, {"sluice-gateway"}};
  }
  const std::string gateway_ = sluice::testing::TestCertificate("URI:spiffe://sluice/gateway").certificate;
  const std::string other_ = sluice::testing::TestCertificate("URI:spiffe://sluice/other").certificate;
};

TEST_F(GatewaysTest, ACallersJwtForTheGatewayIsTakenFromAGatewayAlone) {
  const std::string for_gateway = "Bearer " + Token("https://id", "sluice-gateway");
  const auto authenticator = Make("anon");
  const auto caller = Judge(*authenticator, {for_gateway, "", gateway_});
  ASSERT_THAT(caller, IsOk());
  EXPECT_EQ(caller->subject, "alice");
  EXPECT_EQ(caller->provider, "app");
  EXPECT_TRUE(caller->by_gateway);
  // Also once it is remembered.
  for (const std::string& certificate : {std::string(), other_}) {
    EXPECT_THAT(Judge(*authenticator, {for_gateway, "", certificate}),
                FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
  }
}

TEST_F(GatewaysTest, ACallersJwtForTheBrokerIsNotTakenFromAGateway) {
  const auto authenticator = Make("anon");
  const std::string own = "Bearer " + Token();
  const auto direct = Judge(*authenticator, {own, "", ""});
  ASSERT_THAT(direct, IsOk());
  EXPECT_FALSE(direct->by_gateway);
  EXPECT_THAT(Judge(*authenticator, {own, "", gateway_}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
}

TEST_F(GatewaysTest, ATicketForGatewaysIsTakenFromAGatewayAloneAndNoOtherIs) {
  const auto authenticator = Make("anon");
  const auto caller = Judge(*authenticator, {"", Sealed(true), gateway_});
  ASSERT_THAT(caller, IsOk());
  EXPECT_TRUE(caller->by_gateway);
  EXPECT_EQ(caller->ticket->path, "cat.jpg");
  for (const std::string& certificate : {std::string(), other_}) {
    EXPECT_THAT(Judge(*authenticator, {"", Sealed(true), certificate}),
                FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_REJECTED"));
  }
  EXPECT_THAT(Judge(*authenticator, {"", Sealed(false), gateway_}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_REJECTED"));
}

TEST_F(GatewaysTest, AGatewayIsNobodyByItself) {
  EXPECT_THAT(Judge(*Make(std::nullopt), {"", "", gateway_}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING"));
  const auto caller = Judge(*Make("anon"), {"", "", gateway_});
  ASSERT_THAT(caller, IsOk());
  EXPECT_TRUE(caller->anonymous);
  EXPECT_TRUE(caller->by_gateway);
  // Another certificate is what the provider of certificates makes of it.
  const auto mesh = Judge(*Make("anon"), {"", "", other_});
  ASSERT_THAT(mesh, IsOk());
  EXPECT_EQ(mesh->subject, "spiffe://sluice/other");
  EXPECT_FALSE(mesh->by_gateway);
}

TEST_F(GatewaysTest, OnlyACertificateWithThatOneNameIsAGateways) {
  const std::string for_gateway = "Bearer " + Token("https://id", "sluice-gateway");
  const auto judge = [&](const char* names) {
    return Judge(*Make("anon"), {for_gateway, "", sluice::testing::TestCertificate(names).certificate});
  };
  EXPECT_THAT(judge("DNS:gateway.internal"), IsOk());
  for (const char* names :
       {"URI:spiffe://sluice/gateway2", "URI:spiffe://SLUICE/gateway",
        "URI:spiffe://sluice/gateway,URI:spiffe://sluice/other", "DNS:x.gateway.internal"})
    EXPECT_THAT(judge(names), FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED")) << names;
}

TEST_F(GatewaysTest, WithoutGatewaysInTheConfigNobodyIsOne) {
  gateways_.reset();
  EXPECT_THAT(Judge(*Make("anon"), {"Bearer " + Token("https://id", "sluice-gateway"), "", gateway_}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
  EXPECT_THAT(Judge(*Make("anon"), {"", Sealed(true), gateway_}),
              FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_REJECTED"));
}

}  // namespace
}  // namespace sluice::identity
