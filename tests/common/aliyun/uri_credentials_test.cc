// SPDX-License-Identifier: Apache-2.0
#include "common/aliyun/uri_credentials.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_environment.h"
#include "tests/support/key_answers.h"
#include "tests/support/queued_http_client.h"
#include "tests/support/status_matchers.h"

namespace sluice::aliyun {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::QueuedHttpClient;

class UriCredentialsTest : public ::testing::Test {
 protected:
  absl::StatusOr<Credentials> Fetch(http::Client& client, const std::string& uri) {
    UriCredentials source(sluice::testing::FakeEnvironment({{"ALIBABA_CLOUD_CREDENTIALS_URI", uri}}), client,
                          clock_);
    return source.Fetch(sluice::testing::Soon(), {});
  }
  http::Response Key() { return sluice::testing::KeyAnswer("STS.x", clock_.Now() + std::chrono::hours(1)); }
  sluice::testing::FakeClock clock_;
};

TEST_F(UriCredentialsTest, AsksHttpsAndThisMachine) {
  for (const char* uri : {"https://keys.internal/sts?ticket=hunter2", "http://127.0.0.1:9005/sts",
                          "http://localhost/", "http://[::1]:80/x"}) {
    QueuedHttpClient client({Key()});
    ASSERT_THAT(Fetch(client, uri), IsOk());
    EXPECT_EQ(client.asked().at(0).url, uri);
  }
}

TEST_F(UriCredentialsTest, RefusesWhatOthersCouldReadAndWhatIsNoAddress) {
  QueuedHttpClient client({Key()});
  for (const char* uri : {"http://keys.internal/hunter2", "http://127.0.0.1@evil/", "http://127.0.0.1.evil/",
                          "http://127.0.0.1\\@evil/", "http://", "https://", "https:///x",
                          "file:///etc/passwd", "ftp://127.0.0.1/", "HTTP://127.0.0.1/", "127.0.0.1",
                          "https://a b/", "http://localhost\r\nX: y", "https://user:hunter2@keys/"}) {
    const absl::Status status = Fetch(client, uri).status();
    EXPECT_THAT(status, FailsWith(StatusCode::kInvalidArgument, "CREDENTIALS_INVALID")) << uri;
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
  EXPECT_TRUE(client.asked().empty());
}

TEST_F(UriCredentialsTest, AServerThatFailsIsToldWithoutItsAddress) {
  for (const absl::StatusOr<http::Response>& answer :
       {absl::StatusOr<http::Response>(sluice::testing::NobodyThere()),
        absl::StatusOr<http::Response>(http::Response{307, {{"Location", "http://evil"}}, ""}),
        absl::StatusOr<http::Response>(http::Response{200, {}, R"({"Code":"Success"})"})}) {
    QueuedHttpClient client({answer});
    const absl::Status status = Fetch(client, "https://keys/?ticket=hunter2").status();
    EXPECT_THAT(status, FailsWith(StatusCode::kUnavailable, "CREDENTIALS_UNAVAILABLE"));
    EXPECT_EQ(status.ToString().find("hunter2"), std::string::npos);
  }
}

TEST_F(UriCredentialsTest, WithoutTheVariableItIsNotSetUp) {
  QueuedHttpClient client({Key()});
  EXPECT_THAT(Fetch(client, ""), FailsWith(StatusCode::kNotFound, "CREDENTIALS_MISSING"));
}

}  // namespace
}  // namespace sluice::aliyun
