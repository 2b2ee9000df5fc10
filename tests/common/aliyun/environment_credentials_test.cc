// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/environment_credentials.h"

#include "tests/support/fake_environment.h"
#include "tests/support/key_answers.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;

absl::StatusOr<Credentials> Read(std::map<std::string, std::string> variables) {
  return EnvironmentCredentials(sluice::testing::FakeEnvironment(std::move(variables)))
      .Fetch(sluice::testing::Soon(), {});
}

TEST(EnvironmentCredentialsTest, TakesKeysWithAndWithoutToken) {
  const auto user =
      Read({{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"}});
  const auto session = Read({{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"},
                             {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"},
                             {"ALIBABA_CLOUD_SECURITY_TOKEN", "token"}});

  ASSERT_THAT(user, IsOk());
  EXPECT_EQ(user->access_key_id, "id");
  EXPECT_TRUE(user->security_token.empty());
  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(session->security_token.Reveal(), "token");
  EXPECT_FALSE(session->expiration);
}

TEST(EnvironmentCredentialsTest, WithoutEitherVariableItIsNotSetUp) {
  EXPECT_THAT(Read({}), FailsWith(absl::StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_THAT(Read({{"ALIBABA_CLOUD_SECURITY_TOKEN", "left over"}}),
              FailsWith(absl::StatusCode::kNotFound, "CREDENTIALS_MISSING"));
}

TEST(EnvironmentCredentialsTest, NamesTheVariableThatIsMissingOrBrokenAndNoValue) {
  const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
      {{{"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hunter2"}}, "ALIBABA_CLOUD_ACCESS_KEY_ID"},
      {{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}}, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
      {{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hunter2\n"}},
       "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
      {{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"},
        {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"},
        {"ALIBABA_CLOUD_SECURITY_TOKEN", "a b"}},
       "ALIBABA_CLOUD_SECURITY_TOKEN"}};
  for (const auto& [variables, name] : cases) {
    const absl::Status status = Read(variables).status();
    EXPECT_THAT(status, FailsWith(absl::StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
    EXPECT_NE(status.ToString().find(name), std::string::npos);
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::aliyun
