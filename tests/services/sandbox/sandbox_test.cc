// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/sandbox.h"

#include <future>
#include <thread>

#include "common/aliyun/api_signer.h"
#include "common/base/json.h"
#include "common/http/curl_client.h"
#include "tests/support/fake_log.h"
#include "tests/support/loopback.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {
namespace {

using sluice::testing::Fetch;
using sluice::testing::IsOk;

constexpr char kRole[] = "acs:ram::1000000000000001:role/sluice-uploader";

// Faults over real sockets.
class SandboxTest : public ::testing::Test {
 protected:
  std::string Url(uint16_t port, const std::string& target = "") const {
    return "http://127.0.0.1:" + std::to_string(port) + target;
  }
  http::Request AssumeRole() {
    return aliyun::SignApiCall({Url(sandbox_->sts_port()),
                                "AssumeRole",
                                "2015-04-01",
                                {{"RoleArn", kRole}, {"RoleSessionName", "alice"}}},
                               broker_, clock_.Now(), "nonce" + std::to_string(++nonce_));
  }
  absl::StatusOr<http::Response> Assume() { return Fetch(*client_, AssumeRole()); }
  // One request at the admin port: its body as JSON.
  boost::json::value Admin(const std::string& method, const std::string& target) {
    const auto answer =
        Fetch(*client_, {method, Url(sandbox_->admin_port(), target), {}, "", nullptr, nullptr});
    EXPECT_THAT(answer, IsOk());
    EXPECT_EQ(answer->status, 200) << answer->body;
    return ParseJson(answer->body).value();
  }

  SystemClock clock_;
  sluice::testing::FakeLog log_;
  std::unique_ptr<Sandbox> sandbox_ = Sandbox::Start({}, nullptr, clock_, log_).value();
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
  aliyun::Credentials broker_{
      "SANDBOXBROKERKEYID00", SecretString("sandbox-broker-secret"), {}, std::nullopt};
  int nonce_ = 0;
};

TEST_F(SandboxTest, LatencyIsWaitedForAndCounted) {
  Admin("POST", "/faults?service=sts&kind=latency&value=50ms");
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = Assume();
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(Admin("GET", "/faults").at("faults").at(0).at("struck").to_number<int>(), 1);
}

TEST_F(SandboxTest, AThrottleRefusesTheRestInTheVendorsWords) {
  Admin("POST", "/faults?service=sts&kind=throttle&value=5");
  int passed = 0;
  for (int i = 0; i < 30; ++i) {
    const auto answer = Assume();
    ASSERT_THAT(answer, IsOk());
    passed += answer->status == 200 ? 1 : 0;
    if (answer->status != 200) {
      EXPECT_EQ(answer->status, 400);
      EXPECT_EQ(ParseJson(answer->body)->at("Code").as_string(), "Throttling.User");
    }
  }
  const auto counts = sandbox_->stats().Read();
  EXPECT_EQ(counts.sessions_issued, static_cast<uint64_t>(passed));
  EXPECT_LE(counts.most_accepted_in_a_second, 5u);
  EXPECT_EQ(counts.Answered("AssumeRole", "Throttling.User"), static_cast<uint64_t>(30 - passed));
  const auto stats = Admin("GET", "/stats").at("sts");
  EXPECT_EQ(stats.at("received").at("AssumeRole").to_number<int>(), 30);
  EXPECT_EQ(stats.at("assume_role_most_per_second").at("accepted").to_number<size_t>(),
            counts.most_accepted_in_a_second);
  Admin("DELETE", "/stats");
  EXPECT_EQ(sandbox_->stats().Read().sessions_issued, 0u);
}

TEST_F(SandboxTest, ABurstOfErrorsEnds) {
  Admin("POST", "/faults?service=sts&kind=error&value=503&count=2");
  EXPECT_EQ(Assume()->status, 503);
  EXPECT_EQ(Assume()->status, 503);
  EXPECT_EQ(Assume()->status, 200);
}

TEST_F(SandboxTest, AResetIsARealOne) {
  ASSERT_THAT(sandbox_->faults().Arm("service=sts&kind=reset&count=1"), IsOk());
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(sandbox_->sts_port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  const std::string request = "GET / HTTP/1.1\r\nHost: sts\r\n\r\n";
  ASSERT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  char byte = 0;
  errno = 0;
  EXPECT_EQ(read(fd, &byte, 1), -1);
  EXPECT_EQ(errno, ECONNRESET);
  close(fd);
  EXPECT_EQ(Assume()->status, 200);
  EXPECT_EQ(sandbox_->stats().Read().Answered("other", "reset"), 1u);
}

TEST_F(SandboxTest, GarbageArrivesWith200) {
  for (const char* kind : {"bytes", "html", "truncated", "json", "empty"}) {
    ASSERT_THAT(sandbox_->faults().Arm(std::string("service=sts&kind=garbage&count=1&value=") + kind),
                IsOk());
    const auto answer = Assume();
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->status, 200);
    const auto body = ParseJson(answer->body);
    EXPECT_TRUE(!body.ok() || body->at("Credentials").as_object().size() == 1) << kind;
  }
}

TEST_F(SandboxTest, AStalledCallIsAnsweredOnceTheFaultIsCleared) {
  ASSERT_THAT(sandbox_->faults().Arm("service=sts&kind=stall"), IsOk());
  std::promise<int> status;
  client_->Send(AssumeRole(), Deadline::After(std::chrono::seconds(20)), CancelToken(),
                [&](const absl::StatusOr<http::Response>& answer) {
                  status.set_value(answer.ok() ? answer->status : 0);
                });
  log_.Await("\"fault\"", 1);
  EXPECT_EQ(sandbox_->stats().Read().received.at("AssumeRole"), 1u);
  EXPECT_TRUE(sandbox_->stats().Read().answered.empty());

  Admin("DELETE", "/faults?service=sts&kind=stall");

  EXPECT_EQ(status.get_future().get(), 200);
}

TEST_F(SandboxTest, StalledCallsDoNotHoldUpTheEnd) {
  ASSERT_THAT(sandbox_->faults().Arm("service=sts&kind=stall"), IsOk());
  std::promise<bool> failed;
  client_->Send(AssumeRole(), Deadline::After(std::chrono::seconds(20)), CancelToken(),
                [&](const absl::StatusOr<http::Response>& answer) { failed.set_value(!answer.ok()); });
  log_.Await("\"fault\"", 1);
  const auto begin = std::chrono::steady_clock::now();
  sandbox_->Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
  EXPECT_TRUE(failed.get_future().get());
}

TEST_F(SandboxTest, AClockThatIsOffRefusesHonestSignatures) {
  Admin("POST", "/faults?service=sts&kind=clock&value=-20m");
  EXPECT_EQ(ParseJson(Assume()->body)->at("Code").as_string(), "InvalidTimeStamp.Expired");
  Admin("DELETE", "/faults");
  EXPECT_EQ(Assume()->status, 200);
}

TEST_F(SandboxTest, WhatTheMetadataHandsOutMayAssumeTheUploaderAndNothingElse) {
  const auto token = Fetch(*client_, {"PUT",
                                      Url(sandbox_->metadata_port(), "/latest/api/token"),
                                      {{"X-aliyun-ecs-metadata-token-ttl-seconds", "60"}},
                                      "",
                                      nullptr,
                                      nullptr});
  ASSERT_THAT(token, IsOk());
  const auto answer = Fetch(
      *client_, {"GET",
                 Url(sandbox_->metadata_port(), "/latest/meta-data/ram/security-credentials/sluice-broker"),
                 {{"X-aliyun-ecs-metadata-token", token->body}},
                 "",
                 nullptr,
                 nullptr});
  ASSERT_THAT(answer, IsOk());
  const auto body = ParseJson(answer->body).value().as_object();
  broker_ = {std::string(JsonText(body, "AccessKeyId")),
             SecretString(std::string(JsonText(body, "AccessKeySecret"))),
             SecretString(std::string(JsonText(body, "SecurityToken"))), std::nullopt};

  EXPECT_EQ(Assume()->status, 200);
}

TEST_F(SandboxTest, ManyCallsAtOnceAreAllCounted) {
  ASSERT_THAT(sandbox_->faults().Arm("service=sts&kind=throttle&value=20"), IsOk());
  std::vector<std::thread> callers;
  std::atomic<int> next = 0;
  std::atomic<int> passed = 0;
  for (int t = 0; t < 4; ++t) {
    callers.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const auto request = aliyun::SignApiCall({Url(sandbox_->sts_port()),
                                                  "AssumeRole",
                                                  "2015-04-01",
                                                  {{"RoleArn", kRole}, {"RoleSessionName", "alice"}}},
                                                 broker_, clock_.Now(), "at-once-" + std::to_string(++next));
        const auto answer = Fetch(*client_, request);
        passed += answer.ok() && answer->status == 200 ? 1 : 0;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  const auto counts = sandbox_->stats().Read();
  EXPECT_EQ(counts.received.at("AssumeRole"), 100u);
  EXPECT_EQ(counts.sessions_issued, static_cast<uint64_t>(passed.load()));
  EXPECT_LE(counts.most_accepted_in_a_second, 20u);
}

}  // namespace
}  // namespace sluice::sandbox
