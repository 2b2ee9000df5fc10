// SPDX-License-Identifier: Apache-2.0
#include "common/identity/ticket.h"

#include "common/crypto/encoding.h"
#include "tests/support/fake_clock.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/key_pem.h"
#include "tests/support/status_matchers.h"

namespace sluice::identity {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

auto IsMalformed() { return FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_MALFORMED"); }
auto IsRejected() { return FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_REJECTED"); }

class TicketTest : public ::testing::Test {
 protected:
  Ticket Alices() {
    Ticket out;
    out.subject = {"app", "alice", {{"tenant", "acme"}}};
    out.actor = TicketParty{"backend", "web", {}};
    out.grant = "photos";
    out.path = "a/";
    out.operations = {"UPLOAD", "RESUME"};
    out.issued = clock_.Now();
    out.expires = clock_.Now() + std::chrono::hours(1);
    return out;
  }
  std::string Sealed() {
    Ticket ticket = Alices();
    return ring_->Seal(ticket).Reveal();
  }
  sluice::testing::FakeClock clock_;
  const std::string one_ = sluice::testing::NewKeyPem("ED25519");
  const std::string two_ = sluice::testing::NewKeyPem("ED25519");
  const std::shared_ptr<const TicketRing> ring_ =
      TicketRing::Make({{"k1", SecretString(one_)}, {"k2", SecretString(two_)}}, "sluice").value();
};

TEST_F(TicketTest, WhatWasSealedIsOpenedUnchanged) {
  Ticket ticket = Alices();
  const auto opened = ring_->Open(ring_->Seal(ticket).Reveal(), clock_.Now());

  ASSERT_THAT(opened, IsOk());
  EXPECT_EQ(opened->id, ticket.id);
  EXPECT_EQ(opened->subject.provider, "app");
  EXPECT_EQ(opened->subject.subject, "alice");
  EXPECT_EQ(opened->subject.claims, ticket.subject.claims);
  ASSERT_TRUE(opened->actor.has_value());
  EXPECT_EQ(opened->actor->subject, "web");
  EXPECT_EQ(opened->grant, "photos");
  EXPECT_EQ(opened->path, "a/");
  EXPECT_EQ(opened->operations, ticket.operations);
  EXPECT_EQ(opened->expires, ticket.expires);
}

TEST_F(TicketTest, WhoItIsForIsSealedToo) {
  Ticket ticket = Alices();
  EXPECT_FALSE(ring_->Open(ring_->Seal(ticket).Reveal(), clock_.Now())->for_gateway);
  ticket.for_gateway = true;
  EXPECT_TRUE(ring_->Open(ring_->Seal(ticket).Reveal(), clock_.Now())->for_gateway);
}

TEST_F(TicketTest, EveryKeyOfTheRingOpensAndOthersDoNot) {
  const std::string by_one = Sealed();
  const auto turned =
      TicketRing::Make({{"k2", SecretString(two_)}, {"k1", SecretString(one_)}}, "sluice").value();
  EXPECT_THAT(turned->Open(by_one, clock_.Now()), IsOk());
  const auto gone = TicketRing::Make({{"k2", SecretString(two_)}}, "sluice").value();
  EXPECT_THAT(gone->Open(by_one, clock_.Now()), IsRejected());
  // The same id, another key.
  const auto swapped = TicketRing::Make({{"k1", SecretString(two_)}}, "sluice").value();
  EXPECT_THAT(swapped->Open(by_one, clock_.Now()), IsRejected());
  EXPECT_THAT(TicketRing::Ephemeral("sluice")->Open(by_one, clock_.Now()), IsRejected());
}

TEST_F(TicketTest, IsForOneDeploymentAndItsTime) {
  const std::string sealed = Sealed();
  const auto other = TicketRing::Make({{"k1", SecretString(one_)}}, "staging").value();
  EXPECT_THAT(other->Open(sealed, clock_.Now()), IsRejected());
  EXPECT_THAT(ring_->Open(sealed, clock_.Now() - std::chrono::minutes(1)), IsRejected());
  EXPECT_THAT(ring_->Open(sealed, clock_.Now() + std::chrono::minutes(59)), IsOk());
  EXPECT_THAT(ring_->Open(sealed, clock_.Now() + std::chrono::hours(1)),
              FailsWith(absl::StatusCode::kUnauthenticated, "TICKET_EXPIRED"));
}

TEST_F(TicketTest, EachChangedByteIsRefused) {
  const std::string sealed = Sealed();
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    if (changed == sealed) continue;
    EXPECT_FALSE(ring_->Open(changed, clock_.Now()).ok()) << i;
  }
  for (size_t size = 0; size < sealed.size(); ++size)
    EXPECT_FALSE(ring_->Open(sealed.substr(0, size), clock_.Now()).ok()) << size;
}

TEST_F(TicketTest, OtherTokensAreNoTickets) {
  const sluice::testing::JwtMaker maker("EdDSA", "k1");
  const boost::json::object claims{{"aud", "sluice"}, {"use", "caller"}};
  EXPECT_THAT(ring_->Open(maker.Token(claims), clock_.Now()), IsMalformed());
  EXPECT_THAT(ring_->Open(maker.Token({{"alg", "none"}, {"typ", "sluice-ticket+jwt"}, {"kid", "k1"}},
                                      boost::json::serialize(claims)),
                          clock_.Now()),
              IsRejected());
  EXPECT_THAT(ring_->Open(maker.Token({{"alg", "EdDSA"}, {"typ", "sluice-ticket+jwt"}, {"kid", "../k1"}},
                                      boost::json::serialize(claims)),
                          clock_.Now()),
              IsRejected());
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), std::string("a.b.c"), std::string(9000, 'A')})
    EXPECT_THAT(ring_->Open(text, clock_.Now()), IsMalformed()) << text.size();
}

TEST_F(TicketTest, BadKeysAreRefusedByName) {
  const auto is_bad = FailsWith(absl::StatusCode::kInvalidArgument, "TICKET_KEYS_INVALID");
  EXPECT_THAT(TicketRing::Make({}, "sluice"), is_bad);
  EXPECT_THAT(TicketRing::Make({{"", SecretString(one_)}}, "sluice"), is_bad);
  EXPECT_THAT(TicketRing::Make({{"a b", SecretString(one_)}}, "sluice"), is_bad);
  EXPECT_THAT(TicketRing::Make({{"k", SecretString(one_)}, {"k", SecretString(two_)}}, "sluice"), is_bad);
  EXPECT_THAT(TicketRing::Make({{"k", SecretString("password")}}, "sluice"), is_bad);
  EXPECT_THAT(TicketRing::Make({{"k", SecretString(sluice::testing::NewKeyPem("X25519"))}}, "sluice"),
              is_bad);
}

}  // namespace
}  // namespace sluice::identity
