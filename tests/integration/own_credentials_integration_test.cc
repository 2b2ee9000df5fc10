// SPDX-License-Identifier: Apache-2.0
// A broker with its own key from each way there is, as the sandbox gives it.
#include <future>

#include "common/base/json.h"
#include "common/http/curl_client.h"
#include "services/token_broker/aliyun_sts.h"
#include "services/token_broker/own_key.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_environment.h"
#include "tests/support/fake_timers.h"
#include "tests/support/loopback.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using sluice::testing::Fetch;
using sluice::testing::Stack;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Variables = std::map<std::string, std::string>;

constexpr char kOwnRole[] = "acs:ram::1000000000000001:role/sluice-broker";
constexpr char kUploader[] = "acs:ram::1000000000000001:role/sluice-uploader";
constexpr char kProvider[] = "acs:ram::1000000000000001:oidc-provider/sandbox";

std::string Issue(Stack& stack) {
  const auto client = http::MakeCurlClient({});
  const auto answer = Fetch(
      *client, {"POST",
                stack.broker_http() + "/v1/tokens:issue",
                {{"Authorization", "Bearer " + stack.Mint("alice")}, {"Content-Type", "application/json"}},
                "{}",
                nullptr,
                nullptr});
  EXPECT_THAT(answer, sluice::testing::IsOk());
  return std::to_string(answer->status) + " " + answer->body;
}

TEST(OwnCredentialsIntegrationTest, TokensAreIssuedWithAKeyFromEachWay) {
  constexpr char kProfileKey[] =
      "access_key_id = SANDBOXBROKERKEYID00\naccess_key_secret = sandbox-broker-secret\n";
  const std::string oidc_profile = "[default]\ntype = oidc_role_arn\nrole_arn = " + std::string(kOwnRole) +
                                   "\noidc_provider_arn = " + kProvider + "\noidc_token_file_path = ";
  const Variables oidc{{"ALIBABA_CLOUD_ROLE_ARN", kOwnRole},
                       {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN", kProvider},
                       {"ALIBABA_CLOUD_OIDC_TOKEN_FILE", "IDENTITY_TOKEN"}};
  const auto ini = [](const std::string& text) {
    return std::map<std::string, std::string>{{"credentials", "[default]\n" + text}};
  };
  const Variables profile{{"ALIBABA_CLOUD_CREDENTIALS_FILE", "TEST_DIRcredentials"}};
  struct Case {
    const char* source;
    Variables variables;
    std::map<std::string, std::string> files;
    const char* fault = "";
  };
  const Case cases[] = {
      {"env",
       {{"ALIBABA_CLOUD_ACCESS_KEY_ID", "SANDBOXBROKERKEYID00"},
        {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sandbox-broker-secret"}},
       {}},
      {"oidc", oidc, {}},
      {"profile", profile, ini("type = access_key\n" + std::string(kProfileKey))},
      {"profile", profile, ini("type = ecs_ram_role\n")},
      {"profile",
       {{"ALIBABA_CLOUD_CONFIG_FILE", "TEST_DIRconfig.json"}, {"ALIBABA_CLOUD_PROFILE", "mine"}},
       {{"config.json",
         R"({"current":"other","profiles":[{"name":"mine","mode":"AK","access_key_id":"SANDBOXBROKERKEYID00",)"
         R"("access_key_secret":"sandbox-broker-secret"}]})"}}},
      {"ecs", {{"HOME", "TEST_DIR"}}, {}},
      {"ecs", {{"HOME", "TEST_DIR"}}, {}, "service=metadata&kind=v2-off"},
      {"ecs",
       {{"HOME", "TEST_DIR"}, {"ALIBABA_CLOUD_IMDSV1_DISABLED", "true"}},
       {},
       "service=metadata&kind=v1-off"},
      {"uri",
       {{"ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"},
        {"ALIBABA_CLOUD_CREDENTIALS_URI", "METADATA/credentials"}},
       {}}};
  for (const Case& one : cases) {
    SCOPED_TRACE(std::string(one.source) + " " + one.fault);
    Stack::Options options;
    options.environment = one.variables;
    options.files = one.files;
    options.fault = one.fault;
    Stack stack(std::move(options));

    EXPECT_THAT(Issue(stack), HasSubstr("200 {"));

    const std::string lines = stack.StopAndReadAllLines();
    EXPECT_THAT(lines, HasSubstr("own_key_changed"));
    EXPECT_THAT(lines, HasSubstr("\"source\":\"" + std::string(one.source) + "\""));
    for (const char* secret : {"sandbox-broker-secret", "eyJ", "CAIS"})
      EXPECT_EQ(lines.find(secret), std::string::npos) << secret;
  }
}

TEST(OwnCredentialsIntegrationTest, ARoleAssumedWithAProfilesKeyIsTheBrokersOwn) {
  // The world's own role trusts no user; the uploader's does, and may then assume nothing.
  Stack::Options options;
  options.environment = {{"ALIBABA_CLOUD_CREDENTIALS_FILE", "TEST_DIRcredentials"}};
  options.files = {
      {"credentials",
       "[default]\ntype = ram_role_arn\naccess_key_id = SANDBOXBROKERKEYID00\naccess_key_secret = "
       "sandbox-broker-secret\nrole_arn = " +
           std::string(kUploader) + "\n"}};
  Stack stack(std::move(options));

  EXPECT_THAT(Issue(stack), HasSubstr("STS_REFUSED"));
  EXPECT_THAT(stack.StopAndReadAllLines(), HasSubstr("\"access_key_id\":\"STS."));
}

TEST(OwnCredentialsIntegrationTest, ABrokerWhoseServerFailsStartsAndSaysSoToCallers) {
  const std::pair<Variables, const char*> cases[] = {
      {{{"HOME", "TEST_DIR"}, {"ALIBABA_CLOUD_ECS_METADATA", "sluice-broker"}},
       "service=metadata&kind=reset"},
      {{{"HOME", "TEST_DIR"}, {"ALIBABA_CLOUD_ECS_METADATA", "sluice-broker"}},
       "service=metadata&kind=error&value=503"},
      {{{"HOME", "TEST_DIR"}}, "service=metadata&kind=garbage&value=html"},
      {{{"ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"},
        {"ALIBABA_CLOUD_CREDENTIALS_URI", "METADATA/credentials"}},
       "service=uri&kind=garbage&value=truncated"},
      {{{"ALIBABA_CLOUD_ROLE_ARN", kOwnRole},
        {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN", kProvider},
        {"ALIBABA_CLOUD_OIDC_TOKEN_FILE", "IDENTITY_TOKEN"}},
       "service=sts&kind=error&value=500"},
      {{{"ALIBABA_CLOUD_ROLE_ARN", kUploader},
        {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN", kProvider},
        {"ALIBABA_CLOUD_OIDC_TOKEN_FILE", "IDENTITY_TOKEN"}},
       ""}};
  for (const auto& [variables, fault] : cases) {
    SCOPED_TRACE(fault);
    Stack::Options options;
    options.environment = variables;
    options.fault = fault;
    Stack stack(std::move(options));

    const std::string answer = Issue(stack);
    EXPECT_THAT(answer, HasSubstr("503 {"));
    EXPECT_THAT(answer, HasSubstr("OWN_CREDENTIALS_MISSING"));
    const std::string lines = stack.StopAndReadAllLines();
    EXPECT_THAT(lines, HasSubstr("own_key_failed"));
    EXPECT_EQ(lines.find("eyJ"), std::string::npos);
  }
}

// The sandbox and the key live in one virtual time.
class OwnKeyOverTimeTest : public ::testing::Test {
 protected:
  OwnKeyOverTimeTest() {
    auto sandbox = sandbox::Sandbox::Start({}, nullptr, clock_, sandbox_log_);
    EXPECT_THAT(sandbox, sluice::testing::IsOk());
    sandbox_ = *std::move(sandbox);
    settings_.development = true;
    settings_.sts_endpoints = {"http://127.0.0.1:" + std::to_string(sandbox_->sts_port())};
    settings_.metadata_endpoint = "http://127.0.0.1:" + std::to_string(sandbox_->metadata_port());
  }
  auto Open(const char* source, Variables variables = {}) {
    settings_.credential_chain = {source};
    return broker::OpenOwnKey(settings_, sluice::testing::FakeEnvironment(std::move(variables)), *client_,
                              clock_, timers_, log_);
  }
  absl::Status Assume(aliyun::CredentialSource& own) {
    broker::AliyunSts sts(*client_, settings_.sts_endpoints[0], own, clock_);
    std::promise<absl::Status> done;
    sts.AssumeRole(
        {kUploader, "alice", R"({"Version":"1","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]})",
         seconds(900)},
        Deadline::After(seconds(20)), {},
        [&](absl::StatusOr<aliyun::Credentials> key) { done.set_value(key.status()); });
    return done.get_future().get();
  }
  void Advance(seconds by) {
    clock_.Advance(by);
    timers_.Advance(by);
  }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::FakeLog log_;
  sluice::testing::FakeLog sandbox_log_;
  std::unique_ptr<sandbox::Sandbox> sandbox_;
  broker::Settings settings_;
  const std::unique_ptr<http::Client> client_ = broker::MakeKeyClient();
};

TEST_F(OwnKeyOverTimeTest, AnInstancesKeyIsReplacedHourAfterHourAndAlwaysTaken) {
  const auto own = Open("ecs");
  ASSERT_THAT(own, sluice::testing::IsOk());
  std::string last = (*own)->Current()->access_key_id;

  for (size_t renewals = 1; renewals <= 5; ++renewals) {
    Advance(minutes(40));
    log_.Await("own_key_changed", renewals + 1);
    const std::string id = (*own)->Current()->access_key_id;
    EXPECT_NE(id, last);
    last = id;
    EXPECT_THAT(Assume(**own), sluice::testing::IsOk());
  }
}

TEST_F(OwnKeyOverTimeTest, AKeyOutlivesTroubleAndComesBackAfterIt) {
  const auto own = Open("ecs");
  ASSERT_THAT(own, sluice::testing::IsOk());
  ASSERT_THAT(sandbox_->faults().Arm("service=metadata&kind=error&value=500"), sluice::testing::IsOk());

  Advance(minutes(40));
  log_.Await("own_key_failed", 1);
  EXPECT_THAT(Assume(**own), sluice::testing::IsOk());
  clock_.Advance(minutes(20));
  EXPECT_THAT(Assume(**own),
              sluice::testing::FailsWith(absl::StatusCode::kUnavailable, "OWN_CREDENTIALS_MISSING"));

  sandbox_->faults().Clear();
  Advance(seconds(3));
  log_.Await("own_key_changed", 2);
  EXPECT_THAT(Assume(**own), sluice::testing::IsOk());
}

TEST_F(OwnKeyOverTimeTest, ATokenFileThatIsRotatedIsReadAnew) {
  const sluice::testing::TempDir dir;
  const auto mint = [&](const std::string& more) {
    const auto answer =
        Fetch(*client_, {"GET",
                         sandbox_->issuer() +
                             "/token?subject=system:serviceaccount:sluice:sluice-broker&audience="
                             "sts.aliyuncs.com" +
                             more,
                         {},
                         "",
                         nullptr,
                         nullptr});
    return answer->body;
  };
  dir.Write("token", mint("&ttl=15m"));
  const auto own = Open("oidc", {{"ALIBABA_CLOUD_ROLE_ARN", kOwnRole},
                                 {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN", kProvider},
                                 {"ALIBABA_CLOUD_OIDC_TOKEN_FILE", dir.Path("token")}});
  ASSERT_THAT(own, sluice::testing::IsOk());

  // The old token has ended, and STS says so; then Kubernetes writes the next.
  Advance(minutes(40));
  log_.Await("own_key_failed", 1);
  EXPECT_THAT((*own)->State().error,
              sluice::testing::FailsWith(absl::StatusCode::kFailedPrecondition, "STS_REFUSED"));
  dir.Write("token", mint("&ttl=15m"));
  Advance(seconds(3));
  log_.Await("own_key_changed", 2);
  EXPECT_THAT(Assume(**own), sluice::testing::IsOk());
  for (const std::string& line : log_.lines()) EXPECT_EQ(line.find("eyJ"), std::string::npos);
}

}  // namespace
}  // namespace sluice
