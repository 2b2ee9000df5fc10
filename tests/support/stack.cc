// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stack.h"

#include <future>

#include "common/base/config_file.h"
#include "common/base/file.h"
#include "common/http/curl_client.h"
#include "gtest/gtest.h"
#include "services/sandbox/world_config.h"
#include "services/token_broker/own_key.h"
#include "tests/support/fake_environment.h"
#include "tests/support/loopback.h"

namespace sluice::testing {
namespace {

constexpr char kGrants[] = R"(
- name: photos
  who: [{provider: sandbox}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  operations: [UPLOAD, RESUME, DOWNLOAD, LIST]
)";

void Replace(std::string& text, const std::string& what, const std::string& with) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

}  // namespace

Stack::Stack(Options options) {
  for (const auto& [name, text] : options.files) dir_.Write(name, text);
  std::unique_ptr<sandbox::World> world;
  if (!options.world_change.first.empty()) {
    std::string text =
        sluice::ReadFile(std::string(SLUICE_SOURCE_DIR) + "/deploy/config/sandbox.yaml").value();
    Replace(text, "${SANDBOX_BROKER_SECRET}", "file:secret");
    Replace(text, options.world_change.first, options.world_change.second);
    dir_.Write("secret", "sandbox-broker-secret");
    auto loaded = sandbox::LoadWorld(dir_.Write("world.yaml", text));
    EXPECT_TRUE(loaded.ok()) << loaded.status();
    world = *std::move(loaded);
  }
  auto sandbox = sandbox::Sandbox::Start({}, std::move(world), clock_, sandbox_log_);
  EXPECT_TRUE(sandbox.ok()) << sandbox.status();
  sandbox_ = *std::move(sandbox);
  if (options.sts_endpoint.empty())
    options.sts_endpoint = "http://127.0.0.1:" + std::to_string(sandbox_->sts_port());
  const std::string listener =
      "{address: '127.0.0.1:0'" + (options.tls.empty() ? "" : ", " + options.tls) + "}";
  std::string yaml =
      "development: true\nlisten: {grpc: " + listener + ", http: " + listener +
      ", admin: 127.0.0.1:0}\n"
      "identity: {providers: [{name: sandbox, jwt: {issuer: ISSUER, audience: [sluice], jwks_url: "
      "ISSUER/jwks.json}}, "
      "{name: nobody, anonymous: {}}" +
      options.providers +
      "]}\n"
      "keys: " +
      (options.keys.empty() ? "{ephemeral_keys: true}" : options.keys) +
      "\n"
      "sts: {region: cn-hangzhou, endpoints: [\"" +
      options.sts_endpoint + "\"]" + (options.share.empty() ? "" : ", calls_per_second: " + options.share) +
      "}\ncredentials: {metadata_endpoint: \"" + metadata() +
      "\"}\naudit: {file: " + dir_.Path("audit.jsonl") +
      "}\ngrants:" + (options.grants.empty() ? kGrants : options.grants) + options.more;
  Replace(yaml, "ISSUER", sandbox_->issuer());
  Replace(yaml, "TEST_DIR", dir_.Path(""));
  Replace(yaml, "OSS_ENDPOINT", oss());
  config::v1::TokenBrokerConfig config;
  auto source = LoadConfig(dir_.Write("broker.yaml", yaml), config);
  EXPECT_TRUE(source.ok()) << source.status();
  auto settings = broker::ReadSettings(config, *source);
  EXPECT_TRUE(settings.ok()) << settings.status();
  if (!options.fault.empty()) EXPECT_TRUE(sandbox_->faults().Arm(options.fault).ok());
  config_ = yaml;
  source_ = *source;
  settings_ = *settings;
  auto own = OwnKey(options, *settings);
  auto started = broker::Broker::Start(*std::move(settings), std::move(own), clock_, log_);
  EXPECT_TRUE(started.ok()) << started.status();
  broker_ = *std::move(started);
  std::promise<void> keys;
  broker_->OnKeysFetched([&] { keys.set_value(); });
  keys.get_future().wait();
}

std::unique_ptr<aliyun::CredentialSource> Stack::OwnKey(const Options& options,
                                                        const broker::Settings& settings) {
  if (options.environment.empty())
    return std::make_unique<aliyun::FixedCredentials>(
        aliyun::Credentials{options.key_id, SecretString(options.key_secret), {}, std::nullopt});
  auto variables = options.environment;
  for (auto& [name, value] : variables) {
    Replace(value, "METADATA", metadata());
    Replace(value, "TEST_DIR", dir_.Path(""));
    if (value.find("IDENTITY_TOKEN") == std::string::npos) continue;
    WriteFile("pod-token",
              Mint("system:serviceaccount:sluice:sluice-broker", "&audience=sts.aliyuncs.com") + "\n");
    Replace(value, "IDENTITY_TOKEN", Path("pod-token"));
  }
  key_client_ = broker::MakeKeyClient();
  auto own = broker::OpenOwnKey(settings, FakeEnvironment(std::move(variables)), *key_client_, clock_,
                                timers_, log_);
  EXPECT_TRUE(own.ok()) << own.status();
  return *std::move(own);
}

void Stack::WriteFile(const std::string& name, const std::string& text) {
  EXPECT_TRUE(WriteFileWhole(Path(name), text)) << name;
}

broker::Reloader& Stack::Follow() {
  reloader_ = std::make_unique<broker::Reloader>(Path("broker.yaml"), *settings_, *source_, *broker_, log_,
                                                 std::chrono::milliseconds(10));
  return *reloader_;
}

std::string Stack::Mint(const std::string& subject, const std::string& more) {
  auto client = http::MakeCurlClient({});
  auto answer = Fetch(
      *client, {"GET", sandbox_->issuer() + "/token?subject=" + subject + more, {}, "", nullptr, nullptr});
  EXPECT_TRUE(answer.ok() && answer->status == 200);
  return answer->body.substr(0, answer->body.size() - 1);
}

std::string Stack::StopAndReadAllLines() {
  reloader_.reset();
  broker_.reset();
  std::string out = dir_.Read("audit.jsonl");
  for (const std::string& line : log_.lines()) out += line + "\n";
  return out;
}

}  // namespace sluice::testing
