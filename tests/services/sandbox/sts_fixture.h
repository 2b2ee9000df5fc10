// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "common/aliyun/api_signer.h"
#include "common/base/json.h"
#include "gmock/gmock.h"
#include "services/sandbox/sandbox_clock.h"
#include "services/sandbox/sts_endpoint.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"
#include "tests/support/status_matchers.h"

namespace sluice::sandbox {

// STS of the default world without sockets: calls are answered at once, unless a fault holds them up.
class StsTest : public ::testing::Test {
 protected:
  StsTest() { identity_.SetIssuer("http://127.0.0.1:9003"); }

  static http::RequestHead Head(const http::Request& request) {
    http::RequestHead head;
    head.method = request.method;
    head.target = "/";
    head.headers = request.headers;
    return head;
  }
  http::Answer Send(const http::Request& request) {
    auto exchange = endpoint_.Start(Head(request));
    EXPECT_TRUE(exchange->OnBody(request.body).ok());
    http::Answer out;
    exchange->OnEnd([&](http::Answer answer) { out = std::move(answer); });
    return out;
  }
  http::Request Signed(const std::string& action, aliyun::Pairs parameters, aliyun::Credentials credentials) {
    return aliyun::SignApiCall({"http://sts", action, "2015-04-01", std::move(parameters)}, credentials,
                               clock_.Now(), "nonce" + std::to_string(++nonce_));
  }
  http::Answer Assume(aliyun::Pairs parameters, const std::string& secret = "sandbox-broker-secret") {
    return Send(Signed("AssumeRole", std::move(parameters),
                       {"SANDBOXBROKERKEYID00", SecretString(secret), {}, std::nullopt}));
  }
  // The credentials of an answer, or of an instance's metadata.
  static aliyun::Credentials Session(const boost::json::value& credentials) {
    const auto& object = credentials.as_object();
    return {std::string(JsonText(object, "AccessKeyId")),
            SecretString(std::string(JsonText(object, "AccessKeySecret"))),
            SecretString(std::string(JsonText(object, "SecurityToken"))), std::nullopt};
  }
  static std::string Code(const http::Answer& answer) {
    const auto body = ParseJson(answer.body);
    return body.ok() && body->is_object() ? std::string(JsonText(body->get_object(), "Code")) : "no JSON";
  }

  static constexpr char kRole[] = "acs:ram::1000000000000001:role/sluice-uploader";
  static constexpr char kBrokerRole[] = "acs:ram::1000000000000001:role/sluice-broker";

  sluice::testing::FakeClock real_;
  sluice::testing::FakeTimers timers_;
  SandboxClock clock_{real_};
  std::unique_ptr<World> world_ = World::Default();
  sluice::testing::FakeLog log_;
  Password open_;
  IdentityEndpoint identity_{real_, open_};
  FaultScript faults_{timers_, log_};
  StsStats stats_{timers_};
  StsEndpoint endpoint_{*world_, clock_, identity_, faults_, stats_, log_};
  int nonce_ = 0;
};

}  // namespace sluice::sandbox
