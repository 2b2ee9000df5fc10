// SPDX-License-Identifier: Apache-2.0
// The doctor examines brokers of a sandbox that have each ailment.
#include <algorithm>
#include <future>

#include "common/aliyun/oss_signer.h"
#include "common/base/config_file.h"
#include "common/http/curl_client.h"
#include "services/token_broker/aliyun_sts.h"
#include "services/token_broker/doctor.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_environment.h"
#include "tests/support/loopback.h"
#include "tests/support/silent_listener.h"
#include "tests/support/stack.h"
#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using broker::Finding;
using broker::Verdict;
using sluice::testing::Stack;
using ::testing::HasSubstr;

constexpr char kEditors[] = R"(
- name: editors
  who: [{provider: sandbox}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  operations: [UPLOAD, RESUME, TAG, DOWNLOAD, LIST, DELETE]
)";

class DoctorIntegrationTest : public ::testing::Test {
 protected:
  using Variables = std::map<std::string, std::string>;

  void Examine(Stack::Options options,
               Variables variables = {{"ALIBABA_CLOUD_ACCESS_KEY_ID", "SANDBOXBROKERKEYID00"},
                                      {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "sandbox-broker-secret"}}) {
    stack_ = std::make_unique<Stack>(std::move(options));
    // No other way than the variables: the sandbox's metadata would give a key too.
    variables.emplace("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    findings_ = broker::ExamineBroker(Settings(), sluice::testing::FakeEnvironment(variables), SystemClock());
    Check();
  }
  broker::Settings Settings() {
    config::v1::TokenBrokerConfig config;
    const auto source = LoadConfig(stack_->Path("broker.yaml"), config);
    EXPECT_THAT(source, sluice::testing::IsOk());
    return *broker::ReadSettings(config, *source);
  }
  void Check() {
    const std::string report = broker::ReportText(findings_);
    for (const char* secret : {"sandbox-broker-secret", "CAIS", "eyJ"})
      EXPECT_EQ(report.find(secret), std::string::npos) << report;
  }
  // The line of a check; all of them when there is none.
  std::string Line(const std::string& check) {
    for (const Finding& one : findings_) {
      if (one.check == check) return broker::ReportText({one});
    }
    return "no such line in\n" + broker::ReportText(findings_);
  }
  size_t Count(Verdict verdict) {
    return static_cast<size_t>(std::count_if(findings_.begin(), findings_.end(),
                                             [&](const Finding& one) { return one.verdict == verdict; }));
  }
  // Every name in the bucket below `uploads/`, as the broker's key sees it through a session.
  std::string Names() {
    const auto settings = Settings();
    const auto client = http::MakeCurlClient({});
    const SystemClock clock;
    aliyun::FixedCredentials own({"SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, {}});
    broker::AliyunSts sts(*client, settings.sts_endpoints[0], own, clock);
    std::promise<absl::StatusOr<aliyun::Credentials>> minted;
    sts.AssumeRole({settings.grants[0].role_arn, "lister",
                    R"({"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"*"}]})",
                    std::chrono::seconds(900)},
                   Deadline::After(std::chrono::seconds(20)), {},
                   [&](auto key) { minted.set_value(std::move(key)); });
    const auto session = minted.get_future().get();
    EXPECT_THAT(session, sluice::testing::IsOk());
    const aliyun::OssRequest request{"GET", "sluice-demo", "", {{"prefix", "uploads/"}}, {}, {}};
    aliyun::OssSigner signer("cn-hangzhou");
    const auto listed = sluice::testing::Fetch(
        *client, {"GET", stack_->oss() + "/sluice-demo/?prefix=uploads%2F",
                  signer.SignHeaders(request, *session, clock.Now()), "", nullptr, nullptr});
    EXPECT_EQ(listed->status, 200);
    return listed->body;
  }

  std::unique_ptr<Stack> stack_;
  std::vector<Finding> findings_;
};

TEST_F(DoctorIntegrationTest, TheDemosBrokerIsHealthyAndNothingOfTheExaminationStays) {
  Stack::Options options;
  options.grants = std::string(kEditors) + R"(
- name: photos
  who: [{provider: sandbox, claims: {tenant: acme}}]
  role_arn: acs:ram::1000000000000001:role/sluice-uploader
  bucket: sluice-demo
  region: cn-hangzhou
  endpoint: OSS_ENDPOINT
  operations: [UPLOAD, RESUME, DOWNLOAD, LIST]
)";
  Examine(std::move(options));

  EXPECT_TRUE(broker::IsHealthy(findings_)) << broker::ReportText(findings_);
  EXPECT_THAT(Line("key"),
              HasSubstr("ok      key        env (environment variables): SANDBOXBROKERKEYID00, stays"));
  EXPECT_THAT(Line("sts"), HasSubstr("knows the key as acs:ram::1000000000000001:user/broker"));
  EXPECT_THAT(Line("clock"), HasSubstr("agrees"));
  EXPECT_THAT(Line("trust"), HasSubstr("ok"));
  EXPECT_THAT(Line("life"), HasSubstr("3600 s"));
  EXPECT_THAT(Line("ceiling"), HasSubstr("gives UPLOAD, LIST, RESUME, TAG, DELETE, DOWNLOAD"));
  EXPECT_THAT(Line("canary"), HasSubstr("put, got and deleted sluice-demo/uploads/.sluice-doctor/"));
  EXPECT_THAT(Line("public-acl"), HasSubstr("ok"));
  EXPECT_THAT(Line("reach"), HasSubstr("ok"));
  EXPECT_EQ(Count(Verdict::kWarning) + Count(Verdict::kSkipped), 1U) << broker::ReportText(findings_);
  EXPECT_NE(Line("symlink").find("symlink"), std::string::npos);
  EXPECT_EQ(Names().find("sluice-doctor"), std::string::npos);
}

TEST_F(DoctorIntegrationTest, ARoleWithoutTrustIsSaid) {
  Stack::Options options;
  options.world_change = {"user/broker\"]}", "user/somebody\"]}"};
  Examine(std::move(options));

  EXPECT_THAT(Line("trust"), HasSubstr("failed"));
  EXPECT_THAT(Line("trust"), HasSubstr("trust policy"));
  EXPECT_THAT(Line("ceiling"), HasSubstr("no such line"));
}

TEST_F(DoctorIntegrationTest, ARoleThatDoesNotExistIsSaid) {
  Stack::Options options;
  options.grants = kEditors;
  options.grants.replace(options.grants.find("sluice-uploader"), 15, "sluice-nobody");
  Examine(std::move(options));
  EXPECT_FALSE(broker::IsHealthy(findings_));
  EXPECT_THAT(Line("trust"), HasSubstr("failed"));
}

TEST_F(DoctorIntegrationTest, ARoleWithAShorterSessionThanTheGrantsIsSaid) {
  Stack::Options options;
  options.grants = std::string(kEditors) + "  ttl: {max: 2h}\n";
  Examine(std::move(options));
  EXPECT_THAT(Line("trust"), HasSubstr("ok"));
  EXPECT_THAT(Line("life"), HasSubstr("failed"));
  EXPECT_THAT(Line("ceiling"), HasSubstr("ok"));
}

TEST_F(DoctorIntegrationTest, EachOperationThatTheCeilingLacksIsNamedWithItsAction) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"\"oss:ListParts\",\"oss:AbortMultipartUpload\",", "\"oss:ListParts\",",
       "RESUME (oss:AbortMultipartUpload)"},
      {"\"oss:PutObjectTagging\",", "", "TAG (oss:PutObjectTagging)"},
      {"\"oss:GetObject\",", "", "DOWNLOAD (oss:GetObject)"},
      {"[\"oss:PutObject\",", "[", "UPLOAD (oss:PutObject)"},
      {"\"oss:DeleteObject\",", "", "DELETE (oss:DeleteObject)"},
      {"\"oss:Prefix\":\"uploads/*\"", "\"oss:Prefix\":\"other/*\"", "LIST (oss:ListObjects)"},
      {"sluice-demo/uploads/*", "sluice-demo/other/*",
       "UPLOAD (oss:PutObject), RESUME (oss:ListParts), RESUME (oss:AbortMultipartUpload), TAG"}};
  for (const auto& [had, has, lacks] : cases) {
    Stack::Options options;
    options.grants = kEditors;
    options.world_change = {had, has};
    Examine(std::move(options));
    EXPECT_THAT(Line("ceiling"), HasSubstr("failed")) << lacks;
    EXPECT_THAT(Line("ceiling"), HasSubstr(std::string("does not give ") + lacks));
    EXPECT_THAT(Line("ceiling"), HasSubstr("acs:ram::1000000000000001:role/sluice-uploader"));
  }
}

TEST_F(DoctorIntegrationTest, NothingIsWrittenWhereItCouldNotBeDeleted) {
  Stack::Options options;
  options.world_change = {"\"oss:DeleteObject\",", ""};
  Examine(std::move(options));

  EXPECT_TRUE(broker::IsHealthy(findings_)) << broker::ReportText(findings_);
  EXPECT_THAT(Line("canary"), HasSubstr("skipped"));
  EXPECT_THAT(Line("ceiling"), HasSubstr("gives UPLOAD, LIST, RESUME, DOWNLOAD"));
  EXPECT_EQ(Names().find("sluice-doctor"), std::string::npos);
}

TEST_F(DoctorIntegrationTest, ARoleThatLetsObjectsBePublicIsAWarning) {
  Stack::Options options;
  options.world_change = {"[\"public-read\",\"public-read-write\"]", "[\"something-else\"]"};
  Examine(std::move(options));

  EXPECT_TRUE(broker::IsHealthy(findings_)) << broker::ReportText(findings_);
  EXPECT_THAT(Line("public-acl"), HasSubstr("warning"));
}

TEST_F(DoctorIntegrationTest, ARoleThatReachesBeyondThePrefixesIsAWarningThatSaysHow) {
  Stack::Options options;
  options.world_change = {"sluice-demo/uploads/*", "sluice-demo/*"};
  Examine(std::move(options));
  EXPECT_TRUE(broker::IsHealthy(findings_)) << broker::ReportText(findings_);
  EXPECT_THAT(Line("reach"), HasSubstr("warning"));
  EXPECT_THAT(Line("reach"),
              HasSubstr("also gives putting objects anywhere, getting objects anywhere, deleting "
                        "objects anywhere;"));

  options = {};
  options.world_change = {",\n      \"Condition\":{\"StringLike\":{\"oss:Prefix\":\"uploads/*\"}}", ""};
  Examine(std::move(options));
  EXPECT_THAT(Line("reach"), HasSubstr("also gives listing the whole bucket;"));
}

TEST_F(DoctorIntegrationTest, AWrongBucketOrRegionIsSaid) {
  Stack::Options options;
  options.grants = kEditors;
  options.grants.replace(options.grants.find("bucket: sluice-demo"), 19, "bucket: sluice-demon");
  Examine(options);
  EXPECT_THAT(Line("ceiling"), HasSubstr("failed  ceiling    editors: cannot be judged"));

  options.grants = kEditors;
  options.grants.replace(options.grants.find("region: cn-hangzhou"), 19, "region: cn-beijing");
  Examine(options);
  EXPECT_THAT(Line("ceiling"), HasSubstr("cannot be judged"));
  EXPECT_THAT(Line("ceiling"), HasSubstr("region"));
}

TEST_F(DoctorIntegrationTest, AWrongOrMissingKeyIsSaid) {
  Examine({}, {});
  EXPECT_THAT(Line("key"), HasSubstr("CREDENTIALS_MISSING"));
  EXPECT_THAT(Line("key"), HasSubstr("env: ALIBABA_CLOUD_ACCESS_KEY_ID"));
  EXPECT_THAT(Line("sts"), HasSubstr("ok"));
  EXPECT_FALSE(broker::IsHealthy(findings_));

  Examine({}, {{"ALIBABA_CLOUD_ACCESS_KEY_ID", "SANDBOXBROKERKEYID00"},
               {"ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong"}});
  EXPECT_THAT(Line("key"), HasSubstr("ok"));
  EXPECT_THAT(Line("sts"), HasSubstr("does not belong to its key"));
  EXPECT_THAT(Line("trust"), HasSubstr("skipped"));
}

TEST_F(DoctorIntegrationTest, WhatIsNotStsOrSaysNothingIsSaid) {
  Stack other;
  Stack::Options options;
  options.sts_endpoint = other.oss();
  Examine(std::move(options));
  EXPECT_THAT(Line("sts"), HasSubstr("failed"));

  sluice::testing::SilentListener silent;
  stack_ = std::make_unique<Stack>(Stack::Options{});
  const auto client = http::MakeCurlClient({});
  const SystemClock clock;
  auto settings = Settings();
  settings.sts_endpoints = {"http://" + silent.address()};
  aliyun::FixedCredentials own({"id", SecretString("sandbox-broker-secret"), {}, {}});
  findings_ = broker::Examine({settings, aliyun::OwnKeyState{"env", "", "id", {}, {}}, &own, *client, clock,
                               nullptr, std::chrono::milliseconds(50)});
  EXPECT_THAT(Line("sts"), HasSubstr("no answer in time"));
}

TEST_F(DoctorIntegrationTest, TroubleOfStsIsSaid) {
  const std::pair<const char*, const char*> cases[] = {
      {"service=sts&kind=throttle&value=0", "STS_THROTTLED"},
      {"service=sts&kind=error&value=503", "STS_UNREACHABLE"},
      {"service=sts&kind=reset", "no connection"},
      {"service=sts&kind=garbage&value=bytes", "STS_ANSWER_INVALID"},
      {"service=sts&kind=garbage&value=html", "STS_ANSWER_INVALID"},
      {"service=sts&kind=garbage&value=truncated", "STS_ANSWER_INVALID"},
      {"service=sts&kind=garbage&value=json", "STS_ANSWER_INVALID"},
      {"service=sts&kind=garbage&value=empty", "STS_ANSWER_INVALID"}};
  for (const auto& [fault, says] : cases) {
    Stack::Options options;
    options.fault = fault;
    Examine(std::move(options));
    EXPECT_THAT(Line("sts"), HasSubstr("failed")) << fault;
    EXPECT_THAT(Line("sts"), HasSubstr(says)) << fault;
    EXPECT_THAT(Line("trust"), HasSubstr("skipped")) << fault;
    EXPECT_FALSE(broker::IsHealthy(findings_));
  }
}

TEST_F(DoctorIntegrationTest, AThrottleThatStrikesLaterLeavesTheGrantUnjudged) {
  Stack::Options options;
  // GetCallerIdentity is one api and AssumeRole another: the first call of each passes.
  options.fault = "service=sts&kind=throttle&value=1";
  Examine(std::move(options));
  EXPECT_THAT(Line("sts"), HasSubstr("ok"));
  EXPECT_FALSE(broker::IsHealthy(findings_));
  EXPECT_THAT(broker::ReportText(findings_), HasSubstr("too many calls"));
}

TEST_F(DoctorIntegrationTest, TheWayOfTheKeyAndItsEndAreSaid) {
  stack_ = std::make_unique<Stack>(Stack::Options{});
  findings_ = broker::ExamineBroker(
      Settings(), sluice::testing::FakeEnvironment({{"HOME", stack_->Path("")}}), SystemClock());
  EXPECT_TRUE(broker::IsHealthy(findings_)) << broker::ReportText(findings_);
  EXPECT_THAT(Line("key"), HasSubstr("ecs (instance metadata at http://127.0.0.1:"));
  EXPECT_THAT(Line("key"), HasSubstr("and is renewed before"));

  stack_->sandbox().faults().Arm("service=metadata&kind=error&value=500").IgnoreError();
  findings_ = broker::ExamineBroker(
      Settings(), sluice::testing::FakeEnvironment({{"HOME", stack_->Path("")}}), SystemClock());
  EXPECT_THAT(Line("key"), HasSubstr("failed  key        ecs (instance metadata at"));
  EXPECT_THAT(Line("key"), HasSubstr("CREDENTIALS_UNAVAILABLE"));
}

TEST_F(DoctorIntegrationTest, AClockThatIsWrongIsSaid) {
  Stack::Options options;
  options.fault = "service=sts&kind=clock&value=10m";
  Examine(options);
  EXPECT_THAT(Line("clock"), HasSubstr("warning clock      this machine's is"));
  EXPECT_THAT(Line("clock"), HasSubstr("behind STS's"));
  options.fault = "service=sts&kind=clock&value=-20m";
  Examine(options);
  EXPECT_THAT(Line("sts"), HasSubstr("clock is wrong by more than 15 minutes"));
  EXPECT_THAT(Line("clock"), HasSubstr("failed"));
  EXPECT_THAT(Line("clock"), HasSubstr("ahead of STS's"));
}

TEST_F(DoctorIntegrationTest, AMachineThatIsYearsBehindIsSaid) {
  stack_ = std::make_unique<Stack>(Stack::Options{});
  const auto client = http::MakeCurlClient({});
  const sluice::testing::FakeClock stopped;
  const auto settings = Settings();
  aliyun::FixedCredentials own({"SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, {}});
  findings_ = broker::Examine({settings, aliyun::OwnKeyState{"env", "", "SANDBOXBROKERKEYID00", {}, {}}, &own,
                               *client, stopped, nullptr});
  EXPECT_THAT(Line("sts"), HasSubstr("clock is wrong by more than 15 minutes"));
  EXPECT_THAT(Line("clock"), HasSubstr("failed"));
  EXPECT_THAT(Line("clock"), HasSubstr("NTP"));
}

}  // namespace
}  // namespace sluice
