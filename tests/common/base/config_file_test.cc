// SPDX-License-Identifier: Apache-2.0
#include "common/base/config_file.h"

#include "sluice/config/v1/sandbox_config.pb.h"
#include "sluice/config/v1/token_broker_config.pb.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice {
namespace {

using config::v1::SandboxConfig;
using config::v1::TokenBrokerConfig;
using sluice::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigFileTest : public ::testing::Test {
 protected:
  absl::StatusOr<ConfigSource> Load(std::string_view yaml, google::protobuf::Message& out) {
    return LoadConfig(dir_.Write("c.yaml", yaml), out, [](const std::string& name) {
      return name == "SET" ? std::optional<std::string>("from-env") : std::nullopt;
    });
  }
  // The text of the error after the directory: `c.yaml:line:column: field: ...`.
  std::string ErrorOf(std::string_view yaml) {
    TokenBrokerConfig config;
    const absl::Status status = Load(yaml, config).status();
    EXPECT_EQ(Reason(status), "CONFIG_INVALID") << yaml;
    const std::string text(status.message().data(), status.message().size());
    return text.substr(std::min(text.size(), text.find("c.yaml")));
  }

  sluice::testing::TempDir dir_;
};

TEST_F(ConfigFileTest, ReadsEveryKindOfField) {
  TokenBrokerConfig config;
  ASSERT_THAT(Load(R"(
development: true
listen:
  grpc: 127.0.0.1:0
  http: {address: "0.0.0.0:8080", tls: {cert_file: a.pem, key_file: b.pem}}
identity: {providers: [{name: app, jwt: {issuer: "https://id", audience: [a, b], clock_skew: 30s}}, {name: anon, anonymous: }]}
grants:
- name: 007
  who: [{provider: app, claims: {tenant: acme, "on": "yes"}}]
  operations: [UPLOAD, LIST]
  ttl: {default: 15m, max: 1h30m}
)",
                   config),
              IsOk());

  EXPECT_TRUE(config.development());
  EXPECT_EQ(config.listen().grpc().address(), "127.0.0.1:0");
  EXPECT_EQ(config.listen().http().tls().key_file(), "b.pem");
  EXPECT_EQ(config.identity().providers(0).jwt().audience_size(), 2);
  EXPECT_TRUE(config.identity().providers(1).has_anonymous());
  EXPECT_EQ(config.grants(0).name(), "007");
  EXPECT_EQ(config.grants(0).who(0).claims().at("on"), "yes");
  EXPECT_EQ(config.grants(0).operations(1), token::v1::OPERATION_LIST);
  EXPECT_EQ(config.grants(0).ttl().max().seconds(), 5400);
}

TEST_F(ConfigFileTest, TakesValuesFromEnvironmentAndFile) {
  dir_.Write("secret", "from-file\n");
  SandboxConfig config;
  ASSERT_THAT(Load("account: ${SET}\nusers: [{name: u, access_key_secret: 'file:secret'}]", config), IsOk());

  EXPECT_EQ(config.account(), "from-env");
  EXPECT_EQ(config.users(0).access_key_secret(), "from-file");
}

TEST_F(ConfigFileTest, ASecretInTheConfigIsRefusedAndNotRepeated) {
  SandboxConfig config;
  const absl::Status status = Load("users:\n- access_key_secret: hunter2", config).status();

  EXPECT_THAT(status.ToString(),
              HasSubstr("c.yaml:2:22: users[0].access_key_secret: a secret is written as"));
  EXPECT_THAT(status.ToString(), Not(HasSubstr("hunter2")));
}

TEST_F(ConfigFileTest, EveryMistakeHasItsPlaceAndMend) {
  EXPECT_THAT(ErrorOf("sts:\n  regoin: x"),
              HasSubstr("c.yaml:2:3: sts.regoin: unknown field; known here: region"));
  EXPECT_THAT(ErrorOf("sts: {region: a}\nsts: {region: b}"), HasSubstr("c.yaml:2:1: sts: given twice"));
  EXPECT_THAT(ErrorOf("development: yes"), HasSubstr("development: must be true or false"));
  EXPECT_THAT(ErrorOf("sts: {timeout: 5}"), HasSubstr("sts.timeout: must be a duration"));
  EXPECT_THAT(ErrorOf("grants: {name: a}"), HasSubstr("grants: must be a list"));
  EXPECT_THAT(ErrorOf("grants: [{operations: [WRITE]}]"),
              HasSubstr("grants[0].operations[0]: must be one of UPLOAD, RESUME"));
  EXPECT_THAT(ErrorOf("grants: [{operations: [UNSPECIFIED]}]"), HasSubstr("must be one of UPLOAD"));
  EXPECT_THAT(ErrorOf("sts: {region: \"${UNSET}\"}"), HasSubstr("the environment variable UNSET is not set"));
  EXPECT_THAT(ErrorOf("sts: {region: \"a${SET}\"}"), HasSubstr("stands for a whole value"));
  EXPECT_THAT(ErrorOf("sts: {region: \"file:missing\"}"), HasSubstr("cannot be read"));
  EXPECT_THAT(ErrorOf("sts: {region: }"), HasSubstr("sts.region: has no value"));
  EXPECT_THAT(ErrorOf("sts: {region: [a]}"), HasSubstr("must be one plain value"));
  EXPECT_THAT(ErrorOf("identity: {providers: [{name: a, jwt: {}, anonymous: {}}]}"),
              HasSubstr("only one of"));
  EXPECT_THAT(ErrorOf("sts: {region: a"), HasSubstr("not YAML"));
}

TEST_F(ConfigFileTest, HostileFilesEndInAnError) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("one YAML mapping"));
  EXPECT_THAT(ErrorOf("- a"), HasSubstr("one YAML mapping"));
  EXPECT_THAT(ErrorOf("a: 1\n---\nb: 2"), HasSubstr("one YAML mapping"));
  // Found by fuzzing: yaml-cpp never comes to the end of these.
  for (const char* text : {",", ",e", ", a: b", "development: true\n...\n,", "development: true\n---\n,"})
    EXPECT_FALSE(ErrorOf(text).empty()) << text;
  EXPECT_THAT(ErrorOf(std::string(2000000, '#')), HasSubstr("is larger than 1 MiB"));
  EXPECT_FALSE(ErrorOf(std::string(100000, '[')).empty());
  EXPECT_FALSE(ErrorOf(std::string("a: \0\xff", 6)).empty());
  // A small file that aliases would blow up.
  std::string bomb = "grants:\n- who: &w [{provider: a}";
  for (int i = 0; i < 300; ++i) bomb += ", {provider: a}";
  bomb += "]\n";
  for (int i = 0; i < 300; ++i) bomb += "- who: *w\n";
  EXPECT_THAT(ErrorOf(bomb), HasSubstr("too many values"));
  TokenBrokerConfig config;
  EXPECT_FALSE(LoadConfig(dir_.Path("absent"), config).ok());
  EXPECT_FALSE(LoadConfig("/", config).ok());
}

TEST_F(ConfigFileTest, ALaterCheckPointsAtTheField) {
  TokenBrokerConfig config;
  auto source = Load("grants:\n- name: a\n  bucket: b\n", config);
  ASSERT_THAT(source, IsOk());

  EXPECT_THAT(source->Error("grants[0].bucket", "x").ToString(),
              HasSubstr("c.yaml:3:11: grants[0].bucket: x"));
  EXPECT_THAT(source->Error("grants[0].region", "x").ToString(),
              HasSubstr("c.yaml:2:3: grants[0].region: x"));
}

}  // namespace
}  // namespace sluice
