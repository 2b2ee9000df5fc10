// SPDX-License-Identifier: Apache-2.0
#include "services/upload_gateway/config.h"

#include <gmock/gmock.h>

#include "common/base/file.h"
#include "common/base/status.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::gateway {
namespace {

using sluice::testing::IsOk;
using ::testing::HasSubstr;

constexpr char kGood[] =
    R"(listen: {grpc: {address: '127.0.0.1:0', tls: {cert_file: a, key_file: b}}, admin: 127.0.0.1:0}
identity:
  providers:
  - {name: app, jwt: {issuer: "https://id.example.com", audience: [sluice-gateway], jwks_url: "https://id.example.com/jwks"}}
broker: {address: "broker.example.com:50053", cert_file: g, key_file: k}
keys: {upload: [{id: k1, key: file:upload.key}]}
)";

class GatewayConfigTest : public ::testing::Test {
 protected:
  GatewayConfigTest() { dir_.Write("upload.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"); }
  absl::StatusOr<Settings> Read(const std::string& yaml) {
    config::v1::UploadGatewayConfig config;
    auto source = LoadConfig(dir_.Write("g.yaml", yaml), config);
    if (!source.ok()) return source.status();
    return ReadSettings(config, *source);
  }
  static std::string With(const std::string& from, const std::string& to) {
    std::string out = kGood;
    const size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  }
  sluice::testing::TempDir dir_;
};

TEST_F(GatewayConfigTest, AGoodOneHasTheDefaults) {
  const auto settings = Read(kGood);
  ASSERT_THAT(settings, IsOk());
  EXPECT_EQ(settings->budget_bytes, 256u << 20);
  EXPECT_EQ(settings->streams, 10'000u);
  EXPECT_GE(settings->grpc_threads, 1);
  EXPECT_FALSE(settings->by_token);
  EXPECT_FALSE(settings->ephemeral_keys);
}

TEST_F(GatewayConfigTest, WhatIsWrongIsNamedWithItsMend) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"listen: {grpc: {", "listen: {grpc_threads: 65, grpc: {", "listen.grpc_threads: is at most 64"},
      {"jwt: {issuer", "certificate: {kind: URI}, jwt: {issuer", "identity.providers[0]"},
      {"broker.example.com:50053", "broker.example.com", "broker.address: must be host:port"},
      {", cert_file: g, key_file: k", "", "broker.cert_file: is needed"},
      {", key_file: k}", "}", "broker: needs cert_file and key_file"},
      {"keys: {upload: [{id: k1, key: file:upload.key}]}", "keys: {}", "keys.upload: needs a key"},
      {"keys:", "limits: {budget_bytes: 1MiB}\nkeys:", "limits.budget_bytes: must be 16MiB to 64GiB"},
      {"keys:", "limits: {idle: 1s}\nkeys:", "limits.idle: must be 5s to"},
      {"keys:", "limits: {stream_life: 2h}\nkeys:", "limits.stream_life: must be"},
      {"keys:", "trusted_proxies: [all]\nkeys:", "trusted_proxies[0]: must be a network"},
      {"keys:", "drain: {grace: 6m}\nkeys:", "drain.grace: must be"},
      {"keys:", "surprise: 1\nkeys:", "surprise"},
  };
  for (const auto& [from, to, says] : cases) {
    const absl::Status status = Read(With(from, to)).status();
    EXPECT_EQ(Reason(status), "CONFIG_INVALID") << to;
    EXPECT_THAT(std::string(status.message()), HasSubstr(says)) << to;
  }
}

TEST_F(GatewayConfigTest, AKeyIsThirtyTwoBytesAndNeverWrittenOut) {
  for (const char* bad :
       {"", "AAEC", "not base64 at all", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gAA=="}) {
    dir_.Write("upload.key", bad);
    const absl::Status status = Read(kGood).status();
    EXPECT_EQ(Reason(status), "CONFIG_INVALID") << bad;
    EXPECT_THAT(std::string(status.message()), HasSubstr("keys.upload"));
  }
  const absl::Status inline_key =
      Read(With("file:upload.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")).status();
  EXPECT_EQ(Reason(inline_key), "CONFIG_INVALID") << "a secret comes from a file or the environment";
}

TEST_F(GatewayConfigTest, CheckSaysWhatWasUnderstood) {
  const std::string by_ticket = DescribeSettings(*Read(kGood));
  EXPECT_THAT(by_ticket, HasSubstr("requests that the broker signs"));
  EXPECT_THAT(by_ticket, HasSubstr("settled by HEAD"));
  EXPECT_THAT(by_ticket, HasSubstr("budget 256 MiB, 10000 streams"));
  const std::string by_token = DescribeSettings(*Read(With("keys:", "oss: {access: TOKEN}\nkeys:")));
  EXPECT_THAT(by_token, HasSubstr("a token for each object"));
  EXPECT_THAT(
      DescribeSettings(*Read(With("upload: [{id: k1, key: file:upload.key}]", "ephemeral_keys: true"))),
      HasSubstr("warning: ephemeral keys"));
}

TEST_F(GatewayConfigTest, TheSampleOfTheRepositoryIsGood) {
  std::string text = ReadFile(std::string(SLUICE_SOURCE_DIR) + "/deploy/config/upload_gateway.yaml").value();
  const std::string key = "/run/secrets/upload-k1";
  const size_t at = text.find(key);
  ASSERT_NE(at, std::string::npos);
  EXPECT_THAT(Read(text.replace(at, key.size(), dir_.Path("upload.key"))), IsOk());
}

}  // namespace
}  // namespace sluice::gateway
