// SPDX-License-Identifier: Apache-2.0
#include "common/identity/authenticator.h"

#include "tests/support/fake_clock.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/status_matchers.h"

namespace sluice::identity {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::JwtMaker;

class GivenKeys final : public KeySource {
 public:
  explicit GivenKeys(std::shared_ptr<const Jwks> keys) : keys_(std::move(keys)) {}
  std::shared_ptr<const Jwks> Current() const override { return keys_; }

 private:
  std::shared_ptr<const Jwks> keys_;
};

class AuthenticatorTest : public ::testing::Test {
 protected:
  Authenticator Make(std::optional<std::string> anonymous, bool with_keys = true) {
    auto keys = std::make_shared<GivenKeys>(with_keys ? ParseJwks(maker_.Jwks()).value() : nullptr);
    return Authenticator({{"app", {"https://id", {"sluice"}, std::chrono::seconds(0)}, keys}},
                         std::move(anonymous), clock_);
  }
  std::string Token(const char* issuer = "https://id") {
    return maker_.Token(
        {{"iss", issuer}, {"sub", "alice"}, {"aud", "sluice"}, {"exp", 1767229200}, {"tenant", "acme"}});
  }
  JwtMaker maker_{JwtMaker::Kind::kEs256};
  sluice::testing::FakeClock clock_;
};

TEST_F(AuthenticatorTest, ABearerTokenBecomesACallerWithItsClaims) {
  for (const char* scheme : {"Bearer ", "bearer "}) {
    const auto caller = Make(std::nullopt).Authenticate(scheme + Token());
    ASSERT_THAT(caller, IsOk());
    EXPECT_EQ(caller->provider, "app");
    EXPECT_EQ(caller->subject, "alice");
    EXPECT_EQ(caller->claims.at("tenant").as_string(), "acme");
    EXPECT_FALSE(caller->anonymous);
  }
}

TEST_F(AuthenticatorTest, AnonymousExistsOnlyWhereConfigured) {
  EXPECT_THAT(Make(std::nullopt).Authenticate(""),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MISSING"));
  const auto caller = Make("anon").Authenticate("");
  ASSERT_THAT(caller, IsOk());
  EXPECT_TRUE(caller->anonymous);
  EXPECT_EQ(caller->provider, "anon");
}

TEST_F(AuthenticatorTest, ABadProofNeverBecomesAnonymous) {
  for (const std::string& value : {std::string("Bearer "), std::string("Bearer x"), std::string("Basic eDp5"),
                                   " Bearer " + Token(), "Bearer  " + Token(), std::string("Bearer")}) {
    EXPECT_THAT(Make("anon").Authenticate(value),
                FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_MALFORMED"))
        << value;
  }
  EXPECT_THAT(Make("anon").Authenticate("Bearer " + Token("https://evil")),
              FailsWith(absl::StatusCode::kUnauthenticated, "TOKEN_REJECTED"));
}

TEST_F(AuthenticatorTest, WithoutKeysYetTheCallerIsToldToRetry) {
  const absl::Status status = Make("anon", false).Authenticate("Bearer " + Token()).status();

  EXPECT_THAT(status, FailsWith(absl::StatusCode::kUnavailable, "IDENTITY_KEYS_MISSING"));
  EXPECT_TRUE(RetryDelay(status).has_value());
}

}  // namespace
}  // namespace sluice::identity
