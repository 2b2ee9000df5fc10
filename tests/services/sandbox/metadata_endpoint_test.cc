// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/metadata_endpoint.h"

#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "common/crypto/encoding.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::IsOk;

constexpr char kTokens[] = "/latest/api/token";
constexpr char kRoles[] = "/latest/meta-data/ram/security-credentials/";
constexpr char kRole[] = "/latest/meta-data/ram/security-credentials/sluice-broker";

class MetadataEndpointTest : public ::testing::Test {
 protected:
  http::Answer Ask(const std::string& method, const std::string& target, http::Headers headers = {}) {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    head.headers = std::move(headers);
    http::Answer out;
    endpoint_.Start(std::move(head))->OnEnd([&](http::Answer answer) { out = std::move(answer); });
    return out;
  }
  http::Answer NewToken(const std::string& ttl) {
    return Ask("PUT", kTokens, {{"X-aliyun-ecs-metadata-token-ttl-seconds", ttl}});
  }
  http::Answer GetV2(const std::string& target, const std::string& token) {
    return Ask("GET", target, {{"x-aliyun-ecs-metadata-token", token}});
  }
  void Arm(const std::string& order) { EXPECT_THAT(faults_.Arm(order), IsOk()); }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::FakeLog log_;
  std::unique_ptr<World> world_ = World::Default();
  FaultScript faults_{timers_, log_};
  MetadataEndpoint endpoint_{*world_, clock_, faults_, log_};
};

TEST_F(MetadataEndpointTest, BothGenerationsNameTheRoleAndHandOutItsSession) {
  const std::string token = NewToken("21600").body;
  EXPECT_EQ(GetV2(kRoles, token).body, "sluice-broker");
  EXPECT_EQ(Ask("GET", kRoles).body, "sluice-broker");

  const http::Answer v2 = GetV2(kRole, token);
  const http::Answer v1 = Ask("GET", kRole);
  const http::Answer uri = Ask("GET", "/credentials");

  EXPECT_EQ(v2.body, v1.body);
  EXPECT_EQ(v2.body, uri.body);
  const auto body = ParseJson(v2.body).value().as_object();
  EXPECT_EQ(JsonText(body, "Code"), "Success");
  EXPECT_EQ(JsonText(body, "LastUpdated"), "2026-01-01T00:00:00Z");
  EXPECT_EQ(JsonText(body, "Expiration"), "2026-01-01T01:00:00Z");
  const auto session = world_->FindKey(JsonText(body, "AccessKeyId"));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->secret.Reveal(), JsonText(body, "AccessKeySecret"));
  EXPECT_EQ(session->security_token.Reveal(), JsonText(body, "SecurityToken"));
  EXPECT_EQ(session->arn, "acs:ram::1000000000000001:assumed-role/sluice-broker/sandbox-instance");
}

TEST_F(MetadataEndpointTest, ATokenLivesAsLongAsItWasAskedFor) {
  const std::string token = NewToken("60").body;
  clock_.Advance(std::chrono::seconds(59));
  EXPECT_EQ(GetV2(kRoles, token).status, 200);
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(GetV2(kRoles, token).status, 401);
  for (const char* ttl : {"", "0", "-1", "21601", "1.5", "60 ", "x", "99999999999999999999"})
    EXPECT_EQ(NewToken(ttl).status, 400) << ttl;
}

TEST_F(MetadataEndpointTest, ForgedTokensAreRefused) {
  const std::string token = NewToken("60").body;
  const std::string text = crypto::Base64Decode(token).value();
  std::string later = text;
  later[9] = later[9] == '9' ? '8' : '9';
  MetadataEndpoint other(*world_, clock_, faults_, log_);
  for (const std::string& forged :
       {std::string("x"), std::string("."), crypto::Base64Encode("."), crypto::Base64Encode("9999999999.a."),
        crypto::Base64Encode(later), crypto::Base64Encode(text.substr(0, text.rfind('.'))),
        crypto::Base64Encode(text + "0"), token + "A", std::string(20000, 'A')}) {
    EXPECT_EQ(GetV2(kRole, forged).status, 401) << forged;
  }
  EXPECT_EQ(GetV2(kRole, token).status, 200);
}

TEST_F(MetadataEndpointTest, WhatIsNotThereIsSaidSo) {
  EXPECT_EQ(Ask("GET", std::string(kRoles) + "other").status, 404);
  EXPECT_EQ(Ask("GET", "/latest/meta-data/instance-id").status, 404);
  EXPECT_EQ(Ask("GET", "/latest/meta-data/ram/security-credentialsx").status, 404);
  EXPECT_EQ(Ask("GET", "/").status, 404);
  EXPECT_EQ(Ask("GET", "").status, 404);
  EXPECT_EQ(Ask("GET", kTokens).status, 405);
  EXPECT_EQ(Ask("POST", kRole).status, 405);
  EXPECT_EQ(Ask("PUT", "/credentials").status, 405);
  EXPECT_EQ(Ask("GET", "/latest/meta-data/ram/security-credentials").body, "sluice-broker");
}

TEST_F(MetadataEndpointTest, AWorldWithoutAnInstanceRoleHandsOutNothing) {
  World bare("1000000000000001", {}, {}, {});
  MetadataEndpoint endpoint(bare, clock_, faults_, log_);
  for (const char* target : {kRoles, kRole, "/credentials"}) {
    http::RequestHead head;
    head.method = "GET";
    head.target = target;
    int status = 0;
    endpoint.Start(std::move(head))->OnEnd([&](const http::Answer& answer) { status = answer.status; });
    EXPECT_EQ(status, 404) << target;
  }
}

TEST_F(MetadataEndpointTest, HardenedItRefusesWhoComesWithoutAToken) {
  Arm("service=metadata&kind=v1-off");
  EXPECT_EQ(Ask("GET", kRoles).status, 403);
  EXPECT_EQ(Ask("GET", kRole).status, 403);
  EXPECT_EQ(GetV2(kRole, NewToken("60").body).status, 200);
  EXPECT_EQ(Ask("GET", "/credentials").status, 200);
}

TEST_F(MetadataEndpointTest, AnOldOneKnowsNoTokens) {
  Arm("service=metadata&kind=v2-off");
  EXPECT_EQ(NewToken("60").status, 404);
  EXPECT_EQ(Ask("GET", kRole).status, 200);
  EXPECT_EQ(GetV2(kRole, "whatever").status, 200);
}

TEST_F(MetadataEndpointTest, FaultsOfTheUriAreItsOwn) {
  Arm("service=metadata&kind=error&value=500");
  EXPECT_EQ(Ask("GET", kRole).status, 500);
  EXPECT_EQ(NewToken("60").status, 500);
  EXPECT_EQ(Ask("GET", "/credentials").status, 200);
  Arm("service=uri&kind=reset");
  EXPECT_TRUE(Ask("GET", "/credentials").reset);
  faults_.Clear();
  Arm("service=metadata&kind=garbage&value=html");
  EXPECT_EQ(Ask("GET", kRole).body.front(), '<');
  faults_.Clear();
  Arm("service=metadata&kind=throttle&value=1");
  EXPECT_EQ(Ask("GET", kRole).status, 200);
  EXPECT_EQ(Ask("GET", kRole).status, 429);
  faults_.Clear();
  Arm("service=metadata&kind=clock&value=-20m");
  EXPECT_EQ(JsonText(ParseJson(Ask("GET", kRole).body)->as_object(), "LastUpdated"), "2025-12-31T23:40:00Z");
}

TEST_F(MetadataEndpointTest, NoSecretIsLogged) {
  const std::string token = NewToken("60").body;
  const auto body = ParseJson(Ask("GET", kRole).body).value().as_object();
  GetV2(std::string(kRoles) + "other?x=secret-query", token);
  GetV2(kRole, token + "x");
  ASSERT_EQ(log_.lines().size(), 2u);
  for (const std::string& line : log_.lines()) {
    EXPECT_EQ(line.find(token), std::string::npos);
    EXPECT_EQ(line.find(std::string(JsonText(body, "SecurityToken"))), std::string::npos);
    EXPECT_EQ(line.find("secret-query"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::sandbox
