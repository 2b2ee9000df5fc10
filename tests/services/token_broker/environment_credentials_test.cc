// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/environment_credentials.h"

#include <map>

#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using sluice::testing::IsOk;

absl::StatusOr<aliyun::Credentials> Read(std::map<std::string, std::string> variables) {
  return ReadEnvironmentCredentials([variables](const std::string& name) {
    const auto found = variables.find("ALIBABA_CLOUD_" + name.substr(name.find("CLOUD_") + 6));
    return found == variables.end() ? std::nullopt : std::optional<std::string>(found->second);
  });
}

TEST(ReadEnvironmentCredentialsTest, TakesKeysWithAndWithoutToken) {
  const auto user =
      Read({{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret"}});
  ASSERT_THAT(user, IsOk());
  EXPECT_EQ(user->access_key_id, "id");
  EXPECT_TRUE(user->security_token.empty());
}

TEST(ReadEnvironmentCredentialsTest, NamesTheVariableThatIsMissingOrBrokenAndNoValue) {
  const std::pair<std::map<std::string, std::string>, const char*> cases[] = {
      {{}, "ALIBABA_CLOUD_ACCESS_KEY_ID"},
      {{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}}, "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
      {{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}, {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hunter2\n"}},
       "ALIBABA_CLOUD_ACCESS_KEY_SECRET"},
      {{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"},
        {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"},
        {"ALIBABA_CLOUD_SECURITY_TOKEN", "a b"}},
       "ALIBABA_CLOUD_SECURITY_TOKEN"}};
  for (const auto& [variables, name] : cases) {
    const absl::Status status = Read(variables).status();
    EXPECT_EQ(Reason(status), "CREDENTIALS_MISSING");
    EXPECT_NE(status.ToString().find(name), std::string::npos);
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::broker
