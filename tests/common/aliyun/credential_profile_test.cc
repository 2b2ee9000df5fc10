// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/credential_profile.h"

#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;

TEST(ParseCredentialsIniTest, TakesTheVendorsSample) {
  constexpr char kText[] = R"(# from the vendor's page
[default]                          # default setting
enable = true                      # enabled by default
type = access_key                  ; certification type
access_key_id = foo                # key
access_key_secret=bar#baz
[session]
type = sts
access_key_id = STS.id
access_key_secret = s
security_token = CAIS==
[ecs]
type = ecs_ram_role
role_name = own-role
[role]
type = ram_role_arn
access_key_id = foo
access_key_secret = bar
role_arn = acs:ram::1:role/own
role_session_name = broker
policy = {"Version": "1", "Statement": []}
duration_seconds = 1800
[oidc]
type = oidc_role_arn
role_arn = acs:ram::1:role/own
oidc_provider_arn = acs:ram::1:oidc-provider/p
oidc_token_file_path = /run/token
[uri]
type = credentials_uri
credentials_uri = https://keys/?a=b
)";
  const auto key = ParseCredentialsIni(kText, "default");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(std::get<Credentials>(*key).access_key_id, "foo");
  EXPECT_EQ(std::get<Credentials>(*key).access_key_secret.Reveal(), "bar#baz");
  EXPECT_EQ(std::get<Credentials>(*ParseCredentialsIni(kText, "session")).security_token.Reveal(), "CAIS==");
  EXPECT_EQ(std::get<InstanceProfile>(*ParseCredentialsIni(kText, "ecs")).role_name, "own-role");
  const auto role = std::get<RoleProfile>(*ParseCredentialsIni(kText, "role"));
  EXPECT_EQ(role.key.access_key_id, "foo");
  EXPECT_EQ(role.session.role_arn, "acs:ram::1:role/own");
  EXPECT_EQ(role.session.session_name, "broker");
  EXPECT_EQ(role.session.policy_json, R"({"Version": "1", "Statement": []})");
  EXPECT_EQ(role.session.life, std::chrono::minutes(30));
  const auto oidc = std::get<OidcSession>(*ParseCredentialsIni(kText, "oidc"));
  EXPECT_EQ(oidc.token_file, "/run/token");
  EXPECT_EQ(oidc.session.life, std::chrono::hours(1));
  EXPECT_EQ(std::get<UriProfile>(*ParseCredentialsIni(kText, "uri")).uri, "https://keys/?a=b");
}

TEST(ParseCredentialsIniTest, ASectionThatIsAbsentOrSwitchedOffIsNotSetUp) {
  EXPECT_THAT(ParseCredentialsIni("", "default"), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  EXPECT_THAT(ParseCredentialsIni("[default]\nenable = false\ntype=access_key", "default"),
              FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
}

TEST(ParseCredentialsIniTest, HostileTextIsRefusedWithItsLineAndNotRepeated) {
  for (const std::string& text :
       {std::string("hunter2"), std::string("access_key_id = hunter2\n[default]"), std::string("[default"),
        std::string("[]"), std::string("[default]x]"), std::string("[default]\n= hunter2"),
        std::string("[default]\na=1\na=hunter2"), std::string("[default]\n[default]\n"),
        std::string("[default]\ntype\0=access_key", 24),
        std::string("\xef\xbb\xbf[default]\ntype=access_key"),
        std::string("[default]\n") + std::string(60000, '[')}) {
    const absl::Status status = ParseCredentialsIni(text, "default").status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID")) << text.substr(0, 60);
    EXPECT_NE(status.message().find("line "), absl::string_view::npos);
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
}

TEST(ParseCredentialsIniTest, ATypeThatIsIncompleteOrNotSupportedIsSaid) {
  for (const std::string& section :
       {std::string(""), std::string("type = rsa_key_pair"), std::string("type = bearer"),
        std::string("type = access_key\naccess_key_id = foo"),
        std::string("type = access_key\naccess_key_id = f oo\naccess_key_secret = hunter2"),
        std::string("type = sts\naccess_key_id = foo\naccess_key_secret = hunter2"),
        std::string("type = ram_role_arn\nrole_arn = acs:ram::1:role/x"),
        std::string("type = ram_role_arn\naccess_key_id = a\naccess_key_secret = hunter2\nrole_arn = x"),
        std::string("type = ram_role_arn\naccess_key_id = a\naccess_key_secret = hunter2\nrole_arn = "
                    "acs:ram::1:role/x\nduration_seconds = 1h"),
        std::string("type = oidc_role_arn\nrole_arn = x")}) {
    const absl::Status status = ParseCredentialsIni("[default]\n" + section, "default").status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID")) << section;
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
}

std::string Cli(const std::string& profile) {
  return R"({"current":"me","meta_path":"","profiles":[{"name":"other","mode":"AK"},{"name":"me",)" +
         profile + "}]}";
}

TEST(ParseCliConfigTest, TakesEachModeThatNeedsNobodyElse) {
  const auto key = ParseCliConfig(
      Cli(R"("mode":"AK","access_key_id":"foo","access_key_secret":"bar","sts_token":"","expired_seconds":0)"),
      "");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(std::get<Credentials>(*key).access_key_id, "foo");
  const auto session = ParseCliConfig(
      Cli(R"("mode":"StsToken","access_key_id":"foo","access_key_secret":"bar","sts_token":"t")"), "me");
  ASSERT_THAT(session, IsOk());
  EXPECT_EQ(std::get<Credentials>(*session).security_token.Reveal(), "t");
  const auto role = ParseCliConfig(
      Cli(R"("mode":"RamRoleArn","access_key_id":"foo","access_key_secret":"bar","ram_role_arn":
             "acs:ram::1:role/own","ram_session_name":"broker","expired_seconds":900)"),
      "");
  ASSERT_THAT(role, IsOk());
  EXPECT_EQ(std::get<RoleProfile>(*role).session.life, std::chrono::minutes(15));
  EXPECT_EQ(std::get<InstanceProfile>(*ParseCliConfig(Cli(R"("mode":"EcsRamRole","ram_role_name":"r")"), ""))
                .role_name,
            "r");
  const auto oidc = ParseCliConfig(
      Cli(R"("mode":"OIDC","ram_role_arn":"acs:ram::1:role/own","oidc_provider_arn":"p","oidc_token_file":"/t")"),
      "");
  ASSERT_THAT(oidc, IsOk());
  EXPECT_EQ(std::get<OidcSession>(*oidc).token_file, "/t");
  EXPECT_EQ(std::get<UriProfile>(*ParseCliConfig(Cli(R"("mode":"CredentialsURI","credentials_uri":"https://k"
      )"),
                                                 ""))
                .uri,
            "https://k");
}

TEST(ParseCliConfigTest, ModesThatNeedPeopleOrProgramsAreSaidNotToBeSupported) {
  for (const char* mode : {"ChainableRamRoleArn", "CloudSSO", "OAuth", "External", "RsaKeyPair",
                           "RamRoleArnWithEcs", "ak", ""}) {
    const absl::Status status =
        ParseCliConfig(Cli(R"("process_command":"rm -rf /","mode":")" + std::string(mode) + "\""), "")
            .status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
    EXPECT_NE(status.message().find("not supported"), absl::string_view::npos);
  }
}

TEST(ParseCliConfigTest, HostileTextIsRefusedAndNotRepeated) {
  for (const std::string& text :
       {std::string(), std::string("hunter2"), std::string("[]"), std::string("{}"),
        std::string(R"({"current":"me"})"), std::string(R"({"current":7,"profiles":[]})"),
        std::string(R"({"current":"me","profiles":{"me":1}})"),
        std::string(R"({"current":"me","profiles":[{"name":"me"},{"name":"me"}]})"),
        std::string(R"({"current":"a","current":"me","profiles":[]})"),
        Cli(R"("mode":"AK","access_key_id":"a","access_key_secret":"hunter2\n")"),
        Cli(R"("mode":"AK","access_key_id":["a"],"access_key_secret":"hunter2")"),
        Cli(R"("mode":"AK","access_key_id":"a","access_key_secret":"hunter2","expired_seconds":"900")"),
        Cli(R"("mode":"AK","access_key_id":"a","access_key_secret":"hunter2","expired_seconds":-1)"),
        std::string(40000, '[')}) {
    const absl::Status status = ParseCliConfig(text, "").status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID")) << text.substr(0, 90);
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
  EXPECT_THAT(ParseCliConfig(Cli(R"("mode":"AK")"), "absent"),
              FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
}

}  // namespace
}  // namespace sluice::aliyun
