// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/identity_endpoint.h"

#include "common/base/json.h"
#include "common/crypto/encoding.h"
#include "common/identity/jwt.h"
#include "services/sandbox/admin_endpoint.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::IsOk;

http::Answer Ask(http::Handler& handler, const std::string& method, const std::string& target,
                 http::Headers headers = {}) {
  http::RequestHead head;
  head.method = method;
  head.target = target;
  head.headers = std::move(headers);
  http::Answer out;
  handler.Start(std::move(head))->OnEnd([&](http::Answer answer) { out = std::move(answer); });
  return out;
}

class IdentityEndpointTest : public ::testing::Test {
 protected:
  IdentityEndpointTest() { endpoint_.SetIssuer("http://127.0.0.1:9003"); }
  http::Answer Get(const std::string& target) { return Ask(endpoint_, "GET", target); }
  absl::Status Judge(std::string token) {
    token.pop_back();  // the line break
    const auto keys = identity::ParseJwks(Get("/jwks.json").body);
    const auto parsed = identity::ParseJwt(token);
    if (!keys.ok() || !parsed.ok()) return absl::UnknownError("not even readable");
    return identity::VerifyJwt(*parsed, **keys, {"http://127.0.0.1:9003", {"sluice"}}, clock_.Now()).status();
  }
  sluice::testing::FakeClock clock_;
  Password open_;
  IdentityEndpoint endpoint_{clock_, open_};
};

TEST_F(IdentityEndpointTest, MintsTokensThatItsOwnKeysVerify) {
  EXPECT_THAT(Judge(Get("/token?subject=alice").body), IsOk());
  EXPECT_THAT(Judge(Get("/token?subject=alice&alg=ES256&ttl=15m&tenant=acme").body), IsOk());
  EXPECT_FALSE(Judge(Get("/token?subject=alice&audience=other").body).ok());
  const std::string last = Get("/token?subject=alice&ttl=1s").body;
  clock_.Advance(std::chrono::seconds(40));
  EXPECT_EQ(Reason(Judge(last)), "TOKEN_EXPIRED");
}

TEST_F(IdentityEndpointTest, CarriesSubjectAndClaimsAsGiven) {
  std::string token = Get("/token?subject=a%20%22b&tenant=acme").body;
  token.pop_back();
  const auto parsed = identity::ParseJwt(token);
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(JsonText(parsed->claims, "sub"), "a \"b");
  EXPECT_EQ(JsonText(parsed->claims, "tenant"), "acme");
}

TEST_F(IdentityEndpointTest, DiscoveryNamesItsAddresses) {
  const auto body = ParseJson(Get("/.well-known/openid-configuration").body).value();
  EXPECT_EQ(body.at("issuer").as_string(), "http://127.0.0.1:9003");
  EXPECT_EQ(body.at("jwks_uri").as_string(), "http://127.0.0.1:9003/jwks.json");
}

TEST_F(IdentityEndpointTest, BadQuestionsHaveAnAnswer) {
  for (const char* query :
       {"", "?subject=", "?subject=a&exp=9", "?subject=a&iss=x", "?subject=a&alg=none", "?subject=a&ttl=25h",
        "?subject=a&ttl=-1s", "?subject=a&ttl=x", "?subject=%zz", "?subject=a&=x"}) {
    EXPECT_EQ(Get(std::string("/token") + query).status, 400) << query;
  }
  EXPECT_EQ(Get("/else").status, 404);
  EXPECT_EQ(Ask(endpoint_, "POST", "/token?subject=a").status, 405);
}

TEST_F(IdentityEndpointTest, KeysAreFreshForEachStart) {
  IdentityEndpoint other(clock_, open_);
  EXPECT_NE(Get("/jwks.json").body, Ask(other, "GET", "/jwks.json").body);
}

TEST(PasswordTest, GuardsMintingAndClockButNotHealthAndKeys) {
  const sluice::testing::FakeClock real;
  SandboxClock clock(real);
  const Password password{SecretString("pass:word")};
  IdentityEndpoint identity(real, password);
  sluice::testing::FakeTimers timers;
  sluice::testing::FakeLog log;
  FaultScript faults(timers, log);
  StsStats stats(timers);
  OssStats oss;
  const ObjectShelf shelf;
  AdminEndpoint admin(clock, faults, stats, oss, shelf, password);
  const http::Headers right{{"Authorization", "Basic " + crypto::Base64Encode("any:pass:word")}};

  EXPECT_EQ(Ask(identity, "GET", "/token?subject=a").status, 401);
  EXPECT_EQ(Ask(admin, "POST", "/clock?advance=1h").status, 401);
  for (const char* target : {"/faults", "/stats", "/clock", "/else"}) {
    for (const char* method : {"GET", "POST", "DELETE"})
      EXPECT_EQ(Ask(admin, method, target).status, 401) << method << target;
  }
  for (const std::string& value :
       {std::string("Basic"), std::string("Basic !"), "Basic " + crypto::Base64Encode("no-colon"),
        "Basic " + crypto::Base64Encode("any:pass"), std::string("Bearer pass:word")}) {
    EXPECT_EQ(Ask(admin, "GET", "/clock", {{"Authorization", value}}).status, 401) << value;
  }
  EXPECT_EQ(Ask(identity, "GET", "/token?subject=a", right).status, 200);
  EXPECT_EQ(Ask(admin, "POST", "/clock?advance=1h", right).status, 200);
  EXPECT_EQ(clock.offset(), std::chrono::hours(1));
  EXPECT_EQ(Ask(identity, "GET", "/jwks.json").status, 200);
  EXPECT_EQ(Ask(admin, "GET", "/healthz").status, 200);
  EXPECT_NE(Password::Generate().Reveal(), Password::Generate().Reveal());
}

}  // namespace
}  // namespace sluice::sandbox
