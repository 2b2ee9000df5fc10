// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/credential_chain.h"

#include "common/aliyun/credential_answer.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_environment.h"
#include "tests/support/key_answers.h"
#include "tests/support/queued_http_client.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::QueuedHttpClient;
using sluice::testing::Soon;

class CredentialChainTest : public ::testing::Test {
 protected:
  ChainedCredentials Chain(http::Client& client, std::map<std::string, std::string> variables,
                           const std::vector<std::string>& names = {"env", "oidc", "profile", "ecs", "uri"}) {
    return ChainedCredentials(MakeCredentialChain(names, sluice::testing::FakeEnvironment(variables), client,
                                                  {{"https://sts.one"}, "http://meta"}, clock_));
  }
  sluice::testing::FakeClock clock_;
};

TEST_F(CredentialChainTest, NamesEveryWayAndWhatItLacks) {
  QueuedHttpClient nobody({sluice::testing::NobodyThere()});
  auto chain = Chain(nobody, {{"HOME", "/nonexistent"}});
  const absl::Status status = chain.Fetch(Soon(), {}).status();

  EXPECT_THAT(status, FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  for (const char* part : {"env: ALIBABA_CLOUD_ACCESS_KEY_ID", "oidc: ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
                           "profile: there is neither /nonexistent/.aliyun/config.json",
                           "ecs: instance metadata at", "uri: ALIBABA_CLOUD_CREDENTIALS_URI"})
    EXPECT_NE(status.message().find(part), absl::string_view::npos) << part << "\n" << status;
  EXPECT_EQ(chain.chosen(), nullptr);
}

TEST_F(CredentialChainTest, TheOrderIsTheConfigs) {
  QueuedHttpClient client({sluice::testing::KeyAnswer("STS.uri", clock_.Now() + std::chrono::hours(1))});
  const std::map<std::string, std::string> both{{"ALIBABA_CLOUD_ACCESS_KEY_ID", "env-id"},
                                                {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "s"},
                                                {"ALIBABA_CLOUD_CREDENTIALS_URI", "https://keys"}};
  EXPECT_EQ(Chain(client, both).Fetch(Soon(), {})->access_key_id, "env-id");
  EXPECT_EQ(Chain(client, both, {"uri", "env"}).Fetch(Soon(), {})->access_key_id, "STS.uri");
}

TEST_F(CredentialChainTest, AWayThatIsSetUpAndFailsIsToldAndNotPassedOver) {
  QueuedHttpClient client({sluice::testing::KeyAnswer("STS.uri", clock_.Now() + std::chrono::hours(1))});
  auto chain = Chain(
      client, {{"ALIBABA_CLOUD_ACCESS_KEY_ID", "id"}, {"ALIBABA_CLOUD_CREDENTIALS_URI", "https://keys"}});
  const absl::Status status = chain.Fetch(Soon(), {}).status();

  EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
  EXPECT_NE(status.message().find("env: "), absl::string_view::npos);
  EXPECT_TRUE(client.asked().empty());
}

// Set up and not, in turns.
class Fickle final : public CredentialProvider {
 public:
  std::string name() const override { return "fickle"; }
  std::string description() const override { return ""; }
  absl::StatusOr<Credentials> Fetch(Deadline, CancelToken) override {
    if (++calls_ % 2 == 0) return CredentialsMissing("gone");
    return Credentials{"fickle", SecretString("s"), {}, std::nullopt};
  }

 private:
  int calls_ = 0;
};

TEST_F(CredentialChainTest, TheWayThatCountedOnceStays) {
  QueuedHttpClient client({sluice::testing::KeyAnswer("STS.uri", clock_.Now() + std::chrono::hours(1))});
  CredentialChain ways;
  ways.push_back(std::make_unique<Fickle>());
  for (auto& way : MakeCredentialChain(
           {"uri"}, sluice::testing::FakeEnvironment({{"ALIBABA_CLOUD_CREDENTIALS_URI", "https://keys"}}),
           client, {}, clock_))
    ways.push_back(std::move(way));
  ChainedCredentials chain(std::move(ways));

  EXPECT_THAT(chain.Fetch(Soon(), {}), IsOk());
  EXPECT_THAT(chain.Fetch(Soon(), {}), FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
  EXPECT_EQ(chain.Fetch(Soon(), {})->access_key_id, "fickle");
  EXPECT_TRUE(client.asked().empty());
}

}  // namespace
}  // namespace sluice::aliyun
