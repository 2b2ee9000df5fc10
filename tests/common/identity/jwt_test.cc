// SPDX-License-Identifier: Apache-2.0
#include "common/identity/jwt.h"

#include "tests/support/fake_clock.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/status_matchers.h"

namespace sluice::identity {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::JwtMaker;
namespace json = boost::json;

constexpr int64_t kNow = 1767225600;

auto IsMalformed() { return FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"); }
auto IsRejected() { return FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"); }
auto IsExpired() { return FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_EXPIRED"); }

class JwtTest : public ::testing::Test {
 protected:
  json::object Claims() const {
    return {{"iss", "https://id"}, {"sub", "alice"}, {"aud", "sluice"}, {"exp", kNow + 3600}};
  }
  absl::Status Judge(const std::string& token, const JwtMaker& maker) const {
    auto parsed = ParseJwt(token);
    if (!parsed.ok()) return parsed.status();
    return VerifyJwt(*parsed, *ParseJwks(maker.Jwks()).value(), rules_, clock_.Now()).status();
  }
  // The verdict on a well-signed token with one claim changed; null takes it away.
  absl::Status With(const char* claim, const json::value& value) const {
    json::object claims = Claims();
    if (value.is_null()) {
      claims.erase(claim);
    } else {
      claims[claim] = value;
    }
    return Judge(ec_.Token(claims), ec_);
  }

  sluice::testing::FakeClock clock_;
  JwtRules rules_{"https://id", {"other", "sluice"}, std::chrono::seconds(30)};
  JwtMaker rsa_{"RS256"};
  JwtMaker ec_{"ES256"};
};

TEST_F(JwtTest, AcceptsEachAlgorithmAndNoOtherInItsPlace) {
  const std::vector<std::string> names = {"RS256", "RS384", "RS512", "PS256", "PS384",
                                          "PS512", "ES256", "ES384", "ES512", "EdDSA"};
  for (const std::string& name : names) {
    const JwtMaker maker(name);
    EXPECT_THAT(Judge(maker.Token(Claims()), maker), IsOk()) << name;
    for (const std::string& other : names) {
      if (other == name) continue;
      const json::object header{{"alg", other}, {"kid", "k1"}};
      EXPECT_THAT(Judge(maker.Token(header, json::serialize(Claims())), maker), IsRejected())
          << name << " said to be " << other;
    }
  }
}

TEST_F(JwtTest, AcceptsBothCommonAlgorithms) {
  EXPECT_THAT(Judge(rsa_.Token(Claims()), rsa_), IsOk());
  EXPECT_THAT(Judge(ec_.Token(Claims()), ec_), IsOk());
}

TEST_F(JwtTest, ClaimsAreJudgedExactly) {
  EXPECT_THAT(With("aud", json::array{"x", "sluice"}), IsOk());
  EXPECT_THAT(With("aud", json::array{"x"}), IsRejected());
  EXPECT_THAT(With("aud", json::array{"sluice", 1}), IsRejected());
  EXPECT_THAT(With("aud", json::array{}), IsRejected());
  EXPECT_THAT(With("aud", "sluic"), IsRejected());
  EXPECT_THAT(With("aud", nullptr), IsRejected());
  EXPECT_THAT(With("iss", "https://id/"), IsRejected());
  EXPECT_THAT(With("iss", nullptr), IsMalformed());
  EXPECT_THAT(With("sub", nullptr), IsRejected());
  EXPECT_THAT(With("sub", ""), IsRejected());
  EXPECT_THAT(With("sub", 7), IsRejected());
  EXPECT_THAT(With("sub", json::string(1025, 'a')), IsRejected());
}

TEST_F(JwtTest, TimesAreWholeSecondsWithTheConfiguredSkew) {
  EXPECT_THAT(With("exp", kNow - 29), IsOk());
  EXPECT_THAT(With("exp", kNow - 30), IsExpired());
  EXPECT_THAT(With("exp", nullptr), IsRejected());
  EXPECT_THAT(With("exp", "9999999999"), IsRejected());
  EXPECT_THAT(With("exp", 1e300), IsRejected());
  EXPECT_THAT(With("exp", static_cast<double>(kNow + 3600) + 0.5), IsRejected());
  EXPECT_THAT(With("exp", -1), IsRejected());
  EXPECT_THAT(With("exp", uint64_t{18446744073709551615u}), IsRejected());
  EXPECT_THAT(With("nbf", kNow + 30), IsOk());
  EXPECT_THAT(With("nbf", kNow + 31), IsRejected());
  EXPECT_THAT(With("nbf", "soon"), IsRejected());
}

TEST_F(JwtTest, NoOtherAlgorithmIsEverAccepted) {
  for (const char* alg : {"none", "None", "NONE", "nOnE", "", "HS256", "RS512", "rs256", "PS256", "EdDSA"}) {
    EXPECT_THAT(Judge(rsa_.Token(json::object{{"alg", alg}, {"kid", "k1"}}, json::serialize(Claims())), rsa_),
                IsRejected())
        << alg;
  }
  EXPECT_THAT(Judge(rsa_.Token(json::object{{"kid", "k1"}}, json::serialize(Claims())), rsa_), IsRejected());
  // An RSA key never judges an ES256 token, nor the other way round.
  EXPECT_THAT(Judge(ec_.Token(Claims()), rsa_), IsRejected());
  EXPECT_THAT(Judge(rsa_.Token(Claims()), ec_), IsRejected());
}

TEST_F(JwtTest, KeysInTheHeaderAreNotBelieved) {
  const JwtMaker attacker("ES256", "k1");
  json::object header{{"alg", "ES256"}, {"kid", "k1"}, {"jwk", attacker.Jwk()}, {"jku", "https://evil/jwks"}};

  EXPECT_THAT(Judge(attacker.Token(header, json::serialize(Claims())), ec_), IsRejected());
  header["kid"] = "../../dev/null";
  EXPECT_THAT(Judge(attacker.Token(header, json::serialize(Claims())), ec_), IsRejected());
}

TEST_F(JwtTest, AChangedTokenIsRejected) {
  const std::string good = ec_.Token(Claims());
  const size_t dot = good.rfind('.');
  json::object bob = Claims();
  bob["sub"] = "bob";
  const std::string other = ec_.Token(bob);

  EXPECT_THAT(Judge(other.substr(0, other.rfind('.')) + good.substr(dot), ec_), IsRejected());
  EXPECT_THAT(Judge(good.substr(0, dot + 1) + crypto::Base64UrlEncode(std::string(64, '\0')), ec_),
              IsRejected());
  EXPECT_THAT(Judge(good.substr(0, dot + 1) + crypto::Base64UrlEncode(std::string(63, 'a')), ec_),
              IsRejected());
  EXPECT_THAT(Judge(good.substr(0, dot + 1), ec_), IsRejected());
}

TEST_F(JwtTest, FormIsStrict) {
  const std::string good = ec_.Token(Claims());
  const std::string claims = json::serialize(Claims());
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("a.b"), good + ".", good + "=",
        " " + good, good + "\n", "." + good, std::string(20000, 'a'),
        ec_.TokenOfTexts(R"({"alg":"ES256","alg":"none"})", claims),
        ec_.TokenOfTexts(R"({"alg":"ES256"})", R"({"iss":"https://id","sub":"alice","sub":"bob"})"),
        ec_.TokenOfTexts(R"({"alg":"ES256","crit":["exp"]})", claims),
        ec_.TokenOfTexts(R"({"alg":"ES256","typ":"sluice-ticket+jwt"})", claims),
        ec_.TokenOfTexts(R"({"alg":"ES256","typ":7})", claims),
        ec_.TokenOfTexts(R"({"alg":"ES256","kid":7})", claims), ec_.TokenOfTexts("[]", claims),
        ec_.TokenOfTexts(R"({"alg":"ES256"})", "[]"),
        ec_.TokenOfTexts(R"({"alg":"ES256"})", std::string(200, '['))}) {
    EXPECT_THAT(Judge(token, ec_), IsMalformed()) << token.substr(0, 120);
  }
}

}  // namespace
}  // namespace sluice::identity
