// SPDX-License-Identifier: Apache-2.0
#include "common/identity/key_source.h"

#include <future>
#include <mutex>

#include "tests/support/fake_log.h"
#include "tests/support/jwt_maker.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace sluice::identity {
namespace {

using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::JwtMaker;

// Answers each call with the next of a list, the last for ever; tells how many calls there were.
class JwksServer final : public http::Client {
 public:
  explicit JwksServer(std::vector<absl::StatusOr<http::Response>> answers) : answers_(std::move(answers)) {}
  void Send(http::Request request, Deadline, CancelToken, Done done) override {
    absl::StatusOr<http::Response> answer;
    {
      std::lock_guard lock(mutex_);
      urls_.push_back(request.url);
      last_ = request.headers;
      answer = answers_[std::min(calls_, answers_.size() - 1)];
      if (++calls_ == answers_.size()) all_.set_value();
    }
    done(std::move(answer));
  }
  // Waits until every answer of the list was given.
  std::vector<std::string> Urls() {
    std::lock_guard lock(mutex_);
    return urls_;
  }
  std::string LastHeader(std::string_view name) {
    std::lock_guard lock(mutex_);
    return std::string(http::FindHeader(last_, name));
  }
  void AwaitAll() { all_.get_future().wait(); }

 private:
  std::mutex mutex_;
  std::vector<absl::StatusOr<http::Response>> answers_;
  std::vector<std::string> urls_;
  http::Headers last_;
  size_t calls_ = 0;
  std::promise<void> all_;
};

void AwaitFirst(UrlKeySource& source) {
  std::promise<void> fetched;
  source.OnFirstFetch([&] { fetched.set_value(); });
  fetched.get_future().wait();
}

class KeySourceTest : public ::testing::Test {
 protected:
  http::Response Good(const std::string& kid) { return {200, {}, JwtMaker("ES256", kid).Jwks()}; }
  sluice::testing::FakeLog log_;
};

TEST_F(KeySourceTest, AFileIsReadOnce) {
  const sluice::testing::TempDir dir;
  const auto source = LoadKeyFile(dir.Write("jwks.json", JwtMaker("ES256", "f").Jwks()));

  ASSERT_THAT(source, IsOk());
  EXPECT_NE((*source)->Current()->Find("f", "ES256"), nullptr);
  EXPECT_THAT(LoadKeyFile(dir.Path("absent")), FailsWith(absl::StatusCode::kInvalidArgument, "JWKS_INVALID"));
}

TEST_F(KeySourceTest, AUrlIsFetchedAtStart) {
  JwksServer server({Good("u")});
  UrlKeySource source(server, log_, {"https://id/jwks", "https://id", "", false, ""});
  AwaitFirst(source);

  ASSERT_NE(source.Current(), nullptr);
  EXPECT_NE(source.Current()->Find("u", "ES256"), nullptr);
}

TEST_F(KeySourceTest, AFailedFetchLeavesNoKeysAndALogLine) {
  for (const absl::StatusOr<http::Response>& answer :
       {absl::StatusOr<http::Response>(absl::UnavailableError("down")),
        {http::Response{500, {}, "x"}},
        {http::Response{302, {{"Location", "https://evil/"}}, Good("x").body}},
        {http::Response{200, {}, "<html>"}}}) {
    JwksServer server({answer});
    UrlKeySource source(server, log_, {"https://id/jwks", "https://id", "", false, ""});
    AwaitFirst(source);

    EXPECT_EQ(source.Current(), nullptr);
    EXPECT_NE(log_.lines().back().find("jwks_fetch_failed"), std::string::npos);
  }
}

TEST_F(KeySourceTest, KeysAreFetchedAgainAndABadAnswerKeepsTheLastGoodOnes) {
  JwksServer server({Good("one"), Good("two"), http::Response{500, {}, ""}, http::Response{500, {}, ""}});
  {
    UrlKeySource source(server, log_, {"https://id/jwks", "https://id", "", false, ""},
                        {std::chrono::milliseconds(1), {}});
    server.AwaitAll();
    ASSERT_NE(source.Current(), nullptr);
    EXPECT_NE(source.Current()->Find("two", "ES256"), nullptr);
  }
}

TEST_F(KeySourceTest, DiscoveryLeadsToTheKeys) {
  JwksServer server(
      {http::Response{200, {}, R"({"issuer":"https://id","jwks_uri":"https://id/keys"})"}, Good("found")});
  UrlKeySource source(server, log_, {"", "https://id", "", false, ""});
  AwaitFirst(source);

  ASSERT_NE(source.Current(), nullptr);
  EXPECT_NE(source.Current()->Find("found", "ES256"), nullptr);
  EXPECT_EQ(server.Urls(),
            (std::vector<std::string>{"https://id/.well-known/openid-configuration", "https://id/keys"}));
}

TEST_F(KeySourceTest, DiscoveryStaysWithTheIssuerAndHttps) {
  const KeyLocation id{"", "https://id", "keys.example", false, ""};
  auto document = [](const std::string& issuer, const std::string& uri) {
    return R"({"issuer":")" + issuer + R"(","jwks_uri":")" + uri + "\"}";
  };
  EXPECT_THAT(ReadDiscovery(document("https://id", "https://id/k"), id), IsOk());
  EXPECT_THAT(ReadDiscovery(document("https://id", "https://keys.example/k"), id), IsOk());
  for (const auto& [issuer, uri] :
       std::vector<std::pair<std::string, std::string>>{{"https://id", "http://id/k"},
                                                        {"https://id", "https://evil/k"},
                                                        {"https://id", "https://id@evil/k"},
                                                        {"https://id", "https://id.evil/k"},
                                                        {"https://id", "https://id:444/k"},
                                                        {"https://id", "file:///etc/passwd"},
                                                        {"https://id", ""},
                                                        {"https://other", "https://id/k"},
                                                        {"", "https://id/k"}})
    EXPECT_THAT(ReadDiscovery(document(issuer, uri), id),
                FailsWith(absl::StatusCode::kInvalidArgument, "JWKS_INVALID"))
        << issuer << " " << uri;
  for (const char* text : {"", "[]", "{", R"({"issuer":["https://id"],"jwks_uri":"https://id/k"})"})
    EXPECT_THAT(ReadDiscovery(text, id), FailsWith(absl::StatusCode::kInvalidArgument, "JWKS_INVALID"));
}

TEST_F(KeySourceTest, ARefreshFetchesOnceForAllAndNotAgainWithinTheGap) {
  JwksServer server({Good("one"), Good("two"), Good("three")});
  UrlKeySource source(server, log_, {"https://id/jwks", "https://id", "", false, ""},
                      {std::chrono::hours(1), std::chrono::milliseconds(0)});
  AwaitFirst(source);
  std::promise<void> refreshed;
  source.Refresh([&] { refreshed.set_value(); });
  refreshed.get_future().wait();
  EXPECT_NE(source.Current()->Find("two", "ES256"), nullptr);

  JwksServer slow({Good("one"), Good("two")});
  UrlKeySource limited(slow, log_, {"https://id/jwks", "https://id", "", false, ""},
                       {std::chrono::hours(1), std::chrono::hours(1)});
  AwaitFirst(limited);
  bool called = false;
  limited.Refresh([&] { called = true; });
  EXPECT_TRUE(called);
  EXPECT_NE(limited.Current()->Find("one", "ES256"), nullptr);
}

TEST_F(KeySourceTest, TheBearerTokenIsReadAtEachFetch) {
  const sluice::testing::TempDir dir;
  JwksServer server({Good("k")});
  UrlKeySource source(server, log_,
                      {"https://k8s/jwks", "https://k8s", "", false, dir.Write("token", "sa-token\n")});
  AwaitFirst(source);
  EXPECT_EQ(server.LastHeader("Authorization"), "Bearer sa-token");
}

}  // namespace
}  // namespace sluice::identity
