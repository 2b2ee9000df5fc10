// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/profile_credentials.h"

#include <filesystem>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_environment.h"
#include "tests/support/key_answers.h"
#include "tests/support/queued_http_client.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::QueuedHttpClient;

std::string Ini(const std::string& id) {
  return "[default]\ntype = access_key\naccess_key_id = " + id + "\naccess_key_secret = s\n";
}
std::string Cli(const std::string& id) {
  return R"({"current":"d","profiles":[{"name":"d","mode":"AK","access_key_id":")" + id +
         R"(","access_key_secret":"s"}]})";
}

class ProfileCredentialsTest : public ::testing::Test {
 protected:
  ProfileCredentialsTest() {
    std::filesystem::create_directories(dir_.Path(".aliyun"));
    std::filesystem::create_directories(dir_.Path(".alibabacloud"));
  }
  absl::StatusOr<Credentials> Fetch(std::map<std::string, std::string> variables = {}) {
    variables.emplace("HOME", dir_.Path(""));
    ProfileCredentials source(sluice::testing::FakeEnvironment(variables), client_,
                              {{"https://sts.one"}, "http://meta"}, clock_);
    return source.Fetch(sluice::testing::Soon(), {});
  }
  std::string IdOf(const absl::StatusOr<Credentials>& key) {
    return key.ok() ? key->access_key_id : key.status().ToString();
  }

  sluice::testing::TempDir dir_;
  sluice::testing::FakeClock clock_;
  QueuedHttpClient client_{{sluice::testing::SessionAnswer("STS.x", clock_.Now() + std::chrono::hours(1))}};
};

TEST_F(ProfileCredentialsTest, NamedFilesComeFirstThenTheClisThenTheSdks) {
  dir_.Write(".alibabacloud/credentials", Ini("sdk"));
  EXPECT_EQ(IdOf(Fetch()), "sdk");
  dir_.Write(".aliyun/config.json", Cli("cli"));
  EXPECT_EQ(IdOf(Fetch()), "cli");
  EXPECT_EQ(IdOf(Fetch({{"ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"}})), "sdk");
  EXPECT_EQ(IdOf(Fetch({{"ALIBABA_CLOUD_CONFIG_FILE", dir_.Write("c.json", Cli("named-cli"))}})),
            "named-cli");
  EXPECT_EQ(IdOf(Fetch({{"ALIBABA_CLOUD_CREDENTIALS_FILE", dir_.Write("c.ini", Ini("named-sdk"))}})),
            "named-sdk");
}

TEST_F(ProfileCredentialsTest, NothingThereIsNotSetUpButWhatWasNamedIs) {
  EXPECT_THAT(Fetch(), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_THAT(Fetch({{"HOME", ""}}), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_THAT(Fetch({{"ALIBABA_CLOUD_CREDENTIALS_FILE", dir_.Path("absent")}}),
              FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
  dir_.Write(".alibabacloud/credentials", "[other]\n");
  EXPECT_THAT(Fetch(), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_THAT(Fetch({{"ALIBABA_CLOUD_PROFILE", "mine"}}),
              FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
}

TEST_F(ProfileCredentialsTest, AFileThatIsThereAndBrokenIsToldAndNotPassedOver) {
  dir_.Write(".alibabacloud/credentials", Ini("sdk"));
  dir_.Write(".aliyun/config.json", "{");
  const absl::Status broken = Fetch().status();
  EXPECT_THAT(broken, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
  EXPECT_NE(broken.message().find("config.json"), absl::string_view::npos);
  dir_.Write(".aliyun/config.json", Cli("x") + std::string(64 * 1024, ' '));
  EXPECT_THAT(Fetch(), FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
  std::filesystem::remove(dir_.Path(".aliyun/config.json"));
  std::filesystem::create_symlink("nowhere", dir_.Path(".aliyun/config.json"));
  EXPECT_THAT(Fetch(), FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
}

TEST_F(ProfileCredentialsTest, ARoleIsAssumedWithTheProfilesKey) {
  dir_.Write(".alibabacloud/credentials",
             "[default]\ntype = ram_role_arn\naccess_key_id = foo\naccess_key_secret = hunter2\n"
             "role_arn = acs:ram::1:role/own\nrole_session_name = broker\npolicy = {\"Version\":\"1\"}\n");
  EXPECT_EQ(IdOf(Fetch()), "STS.x");

  const http::Request request = client_.asked().at(0);
  EXPECT_NE(request.body.find("RoleSessionName=broker"), std::string::npos);
  EXPECT_NE(request.body.find("Policy="), std::string::npos);
  EXPECT_NE(http::FindHeader(request.headers, "Authorization").find("Credential=foo"), std::string::npos);
}

TEST_F(ProfileCredentialsTest, AProfileThatLeadsOnIsSetUpEvenWhereNobodyAnswers) {
  QueuedHttpClient nobody({sluice::testing::NobodyThere()});
  dir_.Write(".alibabacloud/credentials", "[default]\ntype = ecs_ram_role\n");
  ProfileCredentials source(sluice::testing::FakeEnvironment({{"HOME", dir_.Path("")}}), nobody,
                            {{"https://sts.one"}, "http://meta"}, clock_);
  EXPECT_THAT(source.Fetch(sluice::testing::Soon(), {}),
              FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
  EXPECT_NE(nobody.asked().at(0).url.find("http://meta/"), std::string::npos);
}

}  // namespace
}  // namespace sluice::aliyun
