// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/config.h"

#include "common/base/file.h"
#include "services/token_broker/config_report.h"
#include "tests/support/key_pem.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::broker {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kGood[] = R"(development: false
listen: {grpc: 127.0.0.1:0}
identity:
  providers:
  - {name: app, jwt: {issuer: "https://id.example.com", audience: [sluice], jwks_url: "https://id.example.com/jwks"}}
  - {name: nobody, anonymous: {}}
sts: {region: cn-hangzhou}
keys: {ticket: [{id: k1, key: file:ticket.pem}]}
grants:
- name: photos
  who: [{provider: app, claims: {tenant: acme}}]
  role_arn: acs:ram::1234567890123456:role/sluice-uploader
  bucket: my-bucket
  region: cn-hangzhou
  prefix: uploads/{subject}/
  operations: [UPLOAD, LIST]
  ttl: {default: 15m, max: 1h}
)";

class ConfigTest : public ::testing::Test {
 protected:
  absl::StatusOr<Settings> Read(const std::string& yaml) {
    dir_.Write("ticket.pem", pem_);
    config::v1::TokenBrokerConfig config;
    auto source = LoadConfig(dir_.Write("b.yaml", yaml), config);
    if (!source.ok()) return source.status();
    return ReadSettings(config, *source);
  }
  // The good config with `from` replaced by `to`, which must be there.
  static std::string With(const std::string& from, const std::string& to) {
    std::string out = kGood;
    const size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  }
  std::string ErrorOf(const std::string& from, const std::string& to) {
    const absl::Status status = Read(With(from, to)).status();
    EXPECT_EQ(Reason(status), "CONFIG_INVALID") << to;
    return std::string(status.message().data(), status.message().size());
  }
  sluice::testing::TempDir dir_;
  const std::string pem_ = sluice::testing::NewKeyPem("ED25519");
};

TEST_F(ConfigTest, ReadsAGoodOneAndItsDefaults) {
  const auto settings = Read(kGood);

  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->http.port, 8080);
  EXPECT_EQ(settings->admin.host, "127.0.0.1");
  EXPECT_THAT(settings->sts_endpoints,
              ElementsAre("https://sts.cn-hangzhou.aliyuncs.com", "https://sts-vpc.cn-hangzhou.aliyuncs.com",
                          "https://sts.aliyuncs.com"));
  EXPECT_THAT(settings->credential_chain, ElementsAre("env", "oidc", "profile", "ecs", "uri"));
  EXPECT_EQ(settings->load.subject_calls_per_second, 50);
  EXPECT_EQ(settings->cache_bytes, 256u << 20);
  EXPECT_EQ(settings->identity.jwt[0].rules.skew, std::chrono::seconds(30));
  EXPECT_EQ(settings->identity.anonymous, "nobody");
  EXPECT_EQ(settings->grants[0].endpoint, "https://oss-cn-hangzhou.aliyuncs.com");
  EXPECT_EQ(settings->grants[0].default_ttl, std::chrono::minutes(15));
  EXPECT_THAT(Warnings(*settings), IsEmpty());
  EXPECT_THAT(DescribeGrants(*settings),
              HasSubstr("grant photos: UPLOAD,LIST on my-bucket/uploads/{subject}/"));
}

TEST_F(ConfigTest, RefusesToStartOpen) {
  std::string text = kGood;
  const size_t from = text.find("identity:");
  text.erase(from, text.find("sts:") - from);
  EXPECT_THAT(Read(text), FailsWith(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID"));
  EXPECT_THAT(Read(text).status().ToString(), HasSubstr("at least one provider"));
  EXPECT_THAT(ErrorOf("provider: app, claims: {tenant: acme}", "provider: nobody"),
              HasSubstr("anonymous callers have no claims"));
  EXPECT_THAT(ErrorOf("who: [{provider: app, claims: {tenant: acme}}]", "who: []"),
              HasSubstr("nobody could ask"));
}

TEST_F(ConfigTest, TheSandboxIsNeverProductionByMistake) {
  EXPECT_THAT(ErrorOf("1234567890123456", "1000000000000001"), HasSubstr("the sandbox's account"));
  EXPECT_THAT(ErrorOf("issuer: \"https:", "issuer: \"http:"), HasSubstr("must begin with https://"));
  EXPECT_THAT(ErrorOf("jwks_url: \"https:", "jwks_url: \"http:"), HasSubstr("must begin with https://"));
  EXPECT_THAT(ErrorOf("{region: cn-hangzhou}", "{region: cn-hangzhou, endpoints: ['http://127.0.0.1:9001']}"),
              HasSubstr("sts.endpoints[0]: must begin with https://"));
  EXPECT_THAT(ErrorOf("  prefix:", "  endpoint: http://127.0.0.1:9000\n  prefix:"),
              HasSubstr("must begin with https://"));
  EXPECT_THAT(CheckOwnKey("SANDBOXBROKERKEYID00", false),
              FailsWith(absl::StatusCode::kInvalidArgument, "CONFIG_INVALID"));
  EXPECT_THAT(CheckOwnKey("SANDBOXBROKERKEYID00", true), IsOk());

  std::string development = With("1234567890123456", "1000000000000001");
  development.replace(development.find("false"), 5, "true");
  EXPECT_THAT(Read(development), IsOk());
}

TEST_F(ConfigTest, EveryBadValueHasItsFieldAndMend) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"127.0.0.1:0", "127.0.0.1", "listen.grpc: must be host:port"},
      {"127.0.0.1:0", "127.0.0.1:70000", "listen.grpc: must be host:port"},
      {"grpc: 127.0.0.1:0", "grpc: {address: '127.0.0.1:0', tls: {cert_file: a}}",
       "needs cert_file and key_file"},
      {"name: nobody", "name: app", "is taken by another provider"},
      {"name: nobody", "name: No_body", "must be 1 to 32"},
      {"audience: [sluice]", "audience: []", "at least one audience"},
      {", jwks_url:", ", jwks_file: a, jwks_url:", "takes one of jwks_url and jwks_file"},
      {", jwks_url:", ", jwks_host: 'a/b', jwks_url:", "jwks_host: must be a host alone"},
      {", jwks_url:", ", ca_file: /nonexistent, jwks_url:", "ca_file: the file /nonexistent cannot be read"},
      {", jwks_url:", ", bearer_file: /nonexistent, jwks_url:",
       "bearer_file: the file /nonexistent cannot be read"},
      {"anonymous: {}", "certificate: {}", "needs a listener with tls.client_ca_file"},
      {"file:ticket.pem", "file:b.yaml", "no Ed25519 private key"},
      {"ticket: [{id: k1, key: file:ticket.pem}]", "ticket: []", "needs a key for tickets"},
      {"id: k1", "id: 'k 1'", "id is 1 to 64"},
      {"  prefix:", "  conditions: {source_ips: [10.0.0.1/8]}\n  prefix:",
       "conditions.source_ips[0]: must be a network"},
      {"  prefix:", "  limits: {content_types: ['image/*/x']}\n  prefix:",
       "limits.content_types[0]: must be"},
      {"  prefix:", "  limits: {max_object_bytes: 50TiB}\n  prefix:", "max_object_bytes: is more than"},
      {"  prefix:", "  delegates: [{provider: nobody}]\n  prefix:", "anonymous callers delegate nothing"},
      {"  prefix:", "  delegates: [{provider: other}]\n  prefix:", "is none of identity.providers"},
      {"  prefix:", "  ticket_ttl_max: 8d\n  prefix:", "ticket_ttl_max: must be 1s to 7d"},
      {"  prefix:", "  process: {actions: [evil]}\n  prefix:", "no action of image/"},
      {"  prefix:", "  callback: {url: 'ftp://x', body: a}\n  prefix:", "callback.url: must be"},
      {"uploads/{subject}/", "uploads/{hash}/", "only beside a claim"},
      {"uploads/{subject}/", "uploads/x{hash}/{subject}/", "stands alone"},
      {"sts: {region", "trusted_proxies: [all]\nsts: {region", "trusted_proxies[0]: must be a network"},
      {"sts: {region", "tickets: {public_url: 'http://x'}\nsts: {region", "tickets.public_url: must begin"},
      {"audience: [sluice]", "audience: [sluice], clock_skew: 61s", "clock_skew: is at most 60s"},
      {"issuer: \"https://id.example.com\"", "issuer: \"https://id .com\"", "characters that no URL has"},
      {"sts: {region: cn-hangzhou}", "sts: {region: X}", "sts.region: must be a region id"},
      {"sts: {region: cn-hangzhou}", "sts: {region: cn-hangzhou, timeout: 31s}",
       "sts.timeout: must be 1s to 30s"},
      {"sts: {region: cn-hangzhou}", "sts: {region: cn-hangzhou}\ncredentials: {chain: [env, vault]}",
       "credentials.chain[1]: knows env, oidc, profile, ecs and uri"},
      {"sts: {region: cn-hangzhou}",
       "sts: {region: cn-hangzhou}\ncredentials: {metadata_endpoint: 'http://127.0.0.1:1'}",
       "credentials.metadata_endpoint: is for development"},
      {"sts: {region: cn-hangzhou}", "sts: {region: cn-hangzhou, calls_per_second: 10001}",
       "sts.calls_per_second: is at most 10000"},
      {"sts: {region: cn-hangzhou}", "sts: {region: cn-hangzhou}\ncache: {max_bytes: 1KiB}",
       "cache.max_bytes: must be 1MiB to 64GiB"},
      {"sts: {region: cn-hangzhou}", "sts: {region: cn-hangzhou}\nload: {in_flight: 2000000}",
       "load.in_flight: is at most 1000000"},
      {"sts: {region: cn-hangzhou}", "sts: {region: cn-hangzhou}\ndrain: {grace: 6m}",
       "drain.grace: must be 0s to 300s"},
      {"name: photos", "name: ''", "grants[0].name: must be 1 to 32"},
      {"provider: app,", "provider: other,", "is none of identity.providers"},
      {"acs:ram::1234567890123456:role/sluice-uploader", "role", "role_arn: must be acs:ram::"},
      {"acs:ram::1234567890123456:role/sluice-uploader", "acs:ram::x:role/a", "role_arn: must be acs:ram::"},
      {"bucket: my-bucket", "bucket: My_Bucket", "must be a bucket name"},
      {"bucket: my-bucket", "bucket: '*-x'", "must be a bucket name"},
      {"prefix: uploads/{subject}/", "prefix: '{subject}/'",
       "grants[0].prefix: the first segment is literal"},
      {"operations: [UPLOAD, LIST]", "operations: []", "at least one operation"},
      {"max: 1h", "max: 13h", "ttl.max: must be 15m to 12h"},
      {"default: 15m", "default: 14m", "ttl.default: must be 15m to ttl.max"},
      {"default: 15m", "default: 2h", "ttl.default: must be 15m to ttl.max"},
  };
  for (const auto& [from, to, says] : cases) EXPECT_THAT(ErrorOf(from, to), HasSubstr(says)) << to;
}

TEST_F(ConfigTest, OpenAndSharedPrefixesAreWarnedOf) {
  std::string text = With("provider: app, claims: {tenant: acme}", "provider: nobody");
  text.replace(text.find("uploads/{subject}/"), 18, "uploads/public/");
  EXPECT_THAT(Warnings(*Read(text))[0], HasSubstr("open to anybody"));
  EXPECT_THAT(Warnings(*Read(With("uploads/{subject}/", "uploads/all/")))[0],
              HasSubstr("share the prefix uploads/all/"));
}

TEST_F(ConfigTest, GatewaysAreKnownByCertificateAndAnAudienceOfTheirOwn) {
  const std::string tls = "tls: {cert_file: a, key_file: b, client_ca_file: c}";
  const auto with = [&](const std::string& listen, const std::string& gateways) {
    return Read(
        With("listen: {grpc: 127.0.0.1:0}", "listen: {grpc: 127.0.0.1:0" + listen + "}\n" + gateways));
  };
  const auto settings =
      with(", gateways: {address: '127.0.0.1:0', " + tls + "}", "gateways: {names: [spiffe://a/g]}");
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(settings->identity.gateways->names, ElementsAre("spiffe://a/g"));
  EXPECT_THAT(settings->identity.gateways->audiences, ElementsAre("sluice-gateway"));
  EXPECT_FALSE(Read(kGood)->identity.gateways.has_value());
  const auto refused = [&](const std::string& listen, const std::string& gateways, const std::string& says) {
    const absl::Status status = with(listen, gateways).status();
    EXPECT_EQ(Reason(status), "CONFIG_INVALID");
    EXPECT_THAT(std::string(status.message()), HasSubstr(says));
  };
  refused("", "gateways: {names: [a]}", "gateways: needs listen.gateways");
  refused(", gateways: {address: '127.0.0.1:0'}", "gateways: {names: [a]}", "listen.gateways.tls: needs");
  const std::string good = ", gateways: {address: '127.0.0.1:0', " + tls + "}";
  refused(good, "gateways: {names: ['']}", "gateways.names[0]: must be");
  refused(good, "gateways: {audience: [x]}", "gateways.names: needs");
  refused(good, "gateways: {names: [a], audience: [sluice]}", "gateways.audience: sluice is an audience of");
}

TEST_F(ConfigTest, CheckSaysWhetherAGatewayCanSettleALostAnswer) {
  auto settings = Read(kGood);
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(DescribeGrants(*settings), ::testing::Not(HasSubstr("gateway")));
  settings->identity.gateways = identity::GatewayRules{{"g"}, {"sluice-gateway"}};
  EXPECT_THAT(DescribeGrants(*settings), HasSubstr("COMPLETION_UNCONFIRMED"));
  settings->grants[0].operations.insert(token::v1::OPERATION_DOWNLOAD);
  EXPECT_THAT(DescribeGrants(*settings), HasSubstr("settle a lost answer by HEAD"));
  settings->grants[0].operations = {token::v1::OPERATION_DOWNLOAD};
  EXPECT_THAT(DescribeGrants(*settings), ::testing::Not(HasSubstr("gateway")));
}

TEST_F(ConfigTest, TheSamplesOfTheRepositoryAreGood) {
  config::v1::TokenBrokerConfig config;
  const std::string folder = std::string(SLUICE_SOURCE_DIR) + "/deploy/config/";
  // The key of the sample is on the operator's machine.
  std::string text = ReadFile(folder + "token_broker.yaml").value();
  const std::string key = "/run/secrets/ticket-k1.pem";
  ASSERT_NE(text.find(key), std::string::npos);
  text.replace(text.find(key), key.size(), dir_.Write("ticket.pem", pem_));
  auto production = LoadConfig(dir_.Write("production.yaml", text), config);
  ASSERT_THAT(production, IsOk());
  EXPECT_THAT(ReadSettings(config, *production), IsOk());

  config.Clear();
  auto sandbox = LoadConfig(folder + "token_broker.sandbox.yaml", config, [](const std::string& name) {
    const bool address = name.find("LISTEN") != std::string::npos || name == "SLUICE_GATEWAY_ADDRESS";
    return std::optional<std::string>(address ? "127.0.0.1:0" : "http://127.0.0.1:1");
  });
  ASSERT_THAT(sandbox, IsOk());
  EXPECT_THAT(ReadSettings(config, *sandbox), IsOk());
}

TEST_F(ConfigTest, TheWorstPolicyCountsConditionsToo) {
  const auto plain = Read(kGood);
  const auto bound =
      Read(With("  prefix:", "  conditions: {source_ips: [203.0.113.0/24], tls_only: true}\n  prefix:"));
  ASSERT_THAT(plain, IsOk());
  ASSERT_THAT(bound, IsOk());
  EXPECT_GT(WorstPolicy(bound->grants[0])->size(), WorstPolicy(plain->grants[0])->size() + 100);
  std::string many = "  conditions: {source_ips: [";
  for (int i = 0; i < 120; ++i) many += (i == 0 ? "" : ", ") + ("203.0." + std::to_string(i) + ".0/24");
  EXPECT_THAT(ErrorOf("  prefix:", many + "]}\n  prefix:"), HasSubstr("STS takes 2048"));
}

TEST_F(ConfigTest, ACallbacksPlaceholdersAreNoVariables) {
  const auto settings =
      Read(With("  prefix:",
                "  callback: {url: 'https://cb.example', body: 'key=$${object}&size=$${size}'}\n  prefix:"));
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->grants[0].callback->body, "key=${object}&size=${size}");
}

TEST_F(ConfigTest, SeveralProvidersOfOneGrantAreWarnedOf) {
  std::string text =
      With("  - {name: nobody, anonymous: {}}",
           "  - {name: other, jwt: {issuer: 'https://other.example.com', audience: [sluice]}}");
  text.replace(text.find("who: [{provider: app"), 20, "who: [{provider: other}, {provider: app");
  const auto settings = Read(text);
  ASSERT_THAT(settings, IsOk());
  EXPECT_THAT(Warnings(*settings)[0], HasSubstr("the same claims from several providers"));
}

}  // namespace
}  // namespace sluice::broker
