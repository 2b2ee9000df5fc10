// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/oidc_credentials.h"

#include "common/http/target.h"
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

class OidcCredentialsTest : public ::testing::Test {
 protected:
  std::map<std::string, std::string> Variables() {
    return {{"ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/own"},
            {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/ack-rrsa-c1"},
            {"ALIBABA_CLOUD_OIDC_TOKEN_FILE", dir_.Path("token")}};
  }
  absl::StatusOr<Credentials> Fetch(http::Client& client, std::map<std::string, std::string> variables) {
    OidcCredentials source(sluice::testing::FakeEnvironment(std::move(variables)), client,
                           {"https://sts.one", "https://sts.two"}, clock_);
    return source.Fetch(sluice::testing::Soon(), {});
  }
  http::Response Good() {
    return sluice::testing::SessionAnswer("STS.x", clock_.Now() + std::chrono::hours(1));
  }

  sluice::testing::TempDir dir_;
  sluice::testing::FakeClock clock_;
};

TEST_F(OidcCredentialsTest, AsksStsWithoutAnySignature) {
  dir_.Write("token", "header.payload.sig\n");
  QueuedHttpClient client({Good()});
  const auto key = Fetch(client, Variables());

  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(key->access_key_id, "STS.x");
  const http::Request request = client.asked().at(0);
  EXPECT_EQ(request.method, "POST");
  const auto target = http::ParseTarget(request.url.substr(std::string("https://sts.one").size()));
  ASSERT_TRUE(target);
  EXPECT_EQ(target->Find("Action"), "AssumeRoleWithOIDC");
  EXPECT_EQ(target->Find("Version"), "2015-04-01");
  EXPECT_EQ(target->Find("Timestamp"), "2026-01-01T00:00:00Z");
  const auto form = http::ParseForm(request.body);
  ASSERT_TRUE(form);
  EXPECT_EQ(std::map(form->begin(), form->end()),
            (std::map<std::string, std::string>{{"RoleArn", "acs:ram::1:role/own"},
                                                {"RoleSessionName", "sluice"},
                                                {"DurationSeconds", "3600"},
                                                {"OIDCProviderArn", "acs:ram::1:oidc-provider/ack-rrsa-c1"},
                                                {"OIDCToken", "header.payload.sig"}}));
  EXPECT_EQ((request.url + request.body).find("AccessKeyId"), std::string::npos);
  EXPECT_EQ(request.url.find("payload"), std::string::npos) << "a token in a URL ends in logs";
}

TEST_F(OidcCredentialsTest, ReadsTheTokenFileAtEachFetch) {
  QueuedHttpClient client({Good()});
  OidcCredentials source(sluice::testing::FakeEnvironment(Variables()), client, {"https://sts.one"}, clock_);
  dir_.Write("token", "first");
  ASSERT_THAT(source.Fetch(sluice::testing::Soon(), {}), IsOk());
  dir_.Write("token", "second");
  ASSERT_THAT(source.Fetch(sluice::testing::Soon(), {}), IsOk());

  EXPECT_NE(client.asked().at(1).body.find("OIDCToken=second"), std::string::npos);
}

TEST_F(OidcCredentialsTest, TheNextEndpointIsAskedWhereOneCannotBeReachedOrIsNoSts) {
  dir_.Write("token", "t");
  for (const absl::StatusOr<http::Response>& first :
       {absl::StatusOr<http::Response>(sluice::testing::NobodyThere()),
        absl::StatusOr<http::Response>(http::Response{502, {}, "<html>"}),
        absl::StatusOr<http::Response>(http::Response{200, {}, "garbage"})}) {
    QueuedHttpClient client({first, Good()});
    EXPECT_THAT(Fetch(client, Variables()), IsOk());
    EXPECT_TRUE(client.asked().at(1).url.starts_with("https://sts.two/"));
  }
  QueuedHttpClient refusing({http::Response{401, {}, R"({"Code":"AuthenticationFail.OIDCToken.Expired"})"}});
  EXPECT_THAT(Fetch(refusing, Variables()), FailsWith(StatusCode::kFailedPrecondition, "STS_REFUSED"));
  EXPECT_EQ(refusing.asked().size(), 1U);
  QueuedHttpClient away({sluice::testing::NobodyThere()});
  EXPECT_THAT(Fetch(away, Variables()), FailsWith(StatusCode::kUnavailable, "STS_UNREACHABLE"));
}

TEST_F(OidcCredentialsTest, SaysWhatIsMissingOrWrong) {
  QueuedHttpClient client({Good()});
  EXPECT_THAT(Fetch(client, {{"ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/own"}}),
              FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
  for (const char* name :
       {"ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE"}) {
    auto variables = Variables();
    variables.erase(name);
    const absl::Status status = Fetch(client, variables).status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
    EXPECT_NE(status.message().find(name), absl::string_view::npos);
  }
  const std::pair<const char*, const char*> wrong[] = {{"ALIBABA_CLOUD_ROLE_ARN", "own"},
                                                       {"ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ack"},
                                                       {"ALIBABA_CLOUD_ROLE_SESSION_NAME", "x"},
                                                       {"ALIBABA_CLOUD_ROLE_SESSION_NAME", "with space"}};
  for (const auto& [name, value] : wrong) {
    auto variables = Variables();
    variables[name] = value;
    EXPECT_THAT(Fetch(client, variables), FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID"));
  }
  EXPECT_TRUE(client.asked().empty());
}

TEST_F(OidcCredentialsTest, ATokenFileThatIsAbsentEmptyOrHostileIsNotSent) {
  QueuedHttpClient client({Good()});
  EXPECT_THAT(Fetch(client, Variables()), FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
  for (const std::string& text : {std::string(), std::string("\n"), std::string("hunter2 two words"),
                                  std::string("hunter2\0", 8), std::string(20001, 'a')}) {
    dir_.Write("token", text);
    const absl::Status status = Fetch(client, Variables()).status();
    EXPECT_THAT(status, FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
  EXPECT_TRUE(client.asked().empty());
}

}  // namespace
}  // namespace sluice::aliyun
