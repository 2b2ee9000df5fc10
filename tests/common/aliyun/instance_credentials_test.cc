// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/instance_credentials.h"

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
using sluice::testing::NobodyThere;
using sluice::testing::QueuedHttpClient;

constexpr char kKeys[] = "http://meta/latest/meta-data/ram/security-credentials/";

class InstanceCredentialsTest : public ::testing::Test {
 protected:
  absl::StatusOr<Credentials> Fetch(http::Client& client, std::map<std::string, std::string> variables = {}) {
    InstanceCredentials source(sluice::testing::FakeEnvironment(std::move(variables)), client, "http://meta",
                               clock_);
    return source.Fetch(sluice::testing::Soon(), {});
  }
  http::Response Key() { return sluice::testing::KeyAnswer("STS.x", clock_.Now() + std::chrono::hours(6)); }
  sluice::testing::FakeClock clock_;
};

TEST_F(InstanceCredentialsTest, V2AsksForATokenThenTheRoleThenTheKey) {
  QueuedHttpClient client(
      {http::Response{200, {}, "meta-token"}, http::Response{200, {}, "own-role"}, Key()});
  const auto key = Fetch(client);

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->access_key_id, "STS.x");
  const auto asked = client.asked();
  ASSERT_EQ(asked.size(), 3U);
  EXPECT_EQ(asked[0].method + " " + asked[0].url, "PUT http://meta/latest/api/token");
  EXPECT_NE(http::FindHeader(asked[0].headers, "X-aliyun-ecs-metadata-token-ttl-seconds"), "");
  EXPECT_EQ(asked[1].url, kKeys);
  EXPECT_EQ(asked[2].url, std::string(kKeys) + "own-role");
  EXPECT_EQ(http::FindHeader(asked[1].headers, "X-aliyun-ecs-metadata-token"), "meta-token");
  EXPECT_EQ(http::FindHeader(asked[2].headers, "X-aliyun-ecs-metadata-token"), "meta-token");
}

TEST_F(InstanceCredentialsTest, V1IsTriedWithoutATokenUnlessSwitchedOff) {
  // The last: a container's hop limit swallows answers to PUT alone.
  for (const absl::StatusOr<http::Response>& none :
       {absl::StatusOr<http::Response>(http::Response{404, {}, ""}),
        absl::StatusOr<http::Response>(http::Response{200, {}, "two words"}),
        absl::StatusOr<http::Response>(NobodyThere())}) {
    QueuedHttpClient client({none, Key()});
    EXPECT_THAT(Fetch(client, {{"ALIBABA_CLOUD_ECS_METADATA", "named"}}), IsOk());
    EXPECT_EQ(client.asked().at(1).url, std::string(kKeys) + "named");
    EXPECT_TRUE(client.asked().at(1).headers.empty());

    QueuedHttpClient strict({none, Key()});
    EXPECT_THAT(
        Fetch(strict, {{"ALIBABA_CLOUD_ECS_METADATA", "named"}, {"ALIBABA_CLOUD_IMDSV1_DISABLED", "True"}}),
        FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
    EXPECT_EQ(strict.asked().size(), 1U);
  }
}

TEST_F(InstanceCredentialsTest, AMachineThatIsNoInstanceIsNotSetUp) {
  QueuedHttpClient nobody({NobodyThere()});
  EXPECT_THAT(Fetch(nobody), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_THAT(Fetch(nobody, {{"ALIBABA_CLOUD_IMDSV1_DISABLED", "true"}}),
              FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  QueuedHttpClient roleless({http::Response{200, {}, "t"}, http::Response{404, {}, ""}});
  EXPECT_THAT(Fetch(roleless), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  QueuedHttpClient unasked({Key()});
  EXPECT_THAT(Fetch(unasked, {{"ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"}}),
              FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_TRUE(unasked.asked().empty());
}

TEST_F(InstanceCredentialsTest, ANamedRoleIsSetUpWhateverIsAnswered) {
  const std::map<std::string, std::string> named{{"ALIBABA_CLOUD_ECS_METADATA", "own-role"}};
  for (const absl::StatusOr<http::Response>& answer :
       {absl::StatusOr<http::Response>(NobodyThere()),
        absl::StatusOr<http::Response>(http::Response{404, {}, ""}),
        absl::StatusOr<http::Response>(http::Response{500, {}, ""}),
        absl::StatusOr<http::Response>(http::Response{302, {{"Location", "http://evil/"}}, ""})}) {
    QueuedHttpClient client({http::Response{200, {}, "t"}, answer});
    EXPECT_THAT(Fetch(client, named), FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
  }
}

TEST_F(InstanceCredentialsTest, ARoleThatIsNoNameIsNotAsked) {
  for (const std::string& name :
       {std::string(""), std::string("../../user-data"), std::string("a/b"), std::string(".."),
        std::string("a?b"), std::string("a b"), std::string(65, 'a'), std::string("<html>")}) {
    QueuedHttpClient client({http::Response{200, {}, "t"}, http::Response{200, {}, name}, Key()});
    EXPECT_THAT(Fetch(client), FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE")) << name;
    EXPECT_EQ(client.asked().size(), 2U);
  }
  QueuedHttpClient client({Key()});
  EXPECT_THAT(Fetch(client, {{"ALIBABA_CLOUD_ECS_METADATA", "acs:ram::1:role/x"}}),
              FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
}

}  // namespace
}  // namespace sluice::aliyun
