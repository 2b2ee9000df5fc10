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
  void Send(http::Request, Deadline, CancelToken, Done done) override {
    absl::StatusOr<http::Response> answer;
    {
      std::lock_guard lock(mutex_);
      answer = answers_[std::min(calls_, answers_.size() - 1)];
      if (++calls_ == answers_.size()) all_.set_value();
    }
    done(std::move(answer));
  }
  // Waits until every answer of the list was given.
  void AwaitAll() { all_.get_future().wait(); }

 private:
  std::mutex mutex_;
  std::vector<absl::StatusOr<http::Response>> answers_;
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
  http::Response Good(const std::string& kid) {
    return {200, {}, JwtMaker(JwtMaker::Kind::kEs256, kid).Jwks()};
  }
  sluice::testing::FakeLog log_;
};

TEST_F(KeySourceTest, AFileIsReadOnce) {
  const sluice::testing::TempDir dir;
  const auto source = LoadKeyFile(dir.Write("jwks.json", JwtMaker(JwtMaker::Kind::kEs256, "f").Jwks()));

  ASSERT_THAT(source, IsOk());
  EXPECT_NE((*source)->Current()->Find("f", "ES256"), nullptr);
  EXPECT_THAT(LoadKeyFile(dir.Path("absent")), FailsWith(absl::StatusCode::kInvalidArgument, "JWKS_INVALID"));
}

TEST_F(KeySourceTest, AUrlIsFetchedAtStart) {
  JwksServer server({Good("u")});
  UrlKeySource source(server, log_, "https://id/jwks");
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
    UrlKeySource source(server, log_, "https://id/jwks");
    AwaitFirst(source);

    EXPECT_EQ(source.Current(), nullptr);
    EXPECT_NE(log_.lines().back().find("jwks_fetch_failed"), std::string::npos);
  }
}

TEST_F(KeySourceTest, KeysAreFetchedAgainAndABadAnswerKeepsTheLastGoodOnes) {
  JwksServer server({Good("one"), Good("two"), http::Response{500, {}, ""}, http::Response{500, {}, ""}});
  {
    UrlKeySource source(server, log_, "https://id/jwks", std::chrono::milliseconds(1));
    server.AwaitAll();
    ASSERT_NE(source.Current(), nullptr);
    EXPECT_NE(source.Current()->Find("two", "ES256"), nullptr);
  }
}

}  // namespace
}  // namespace sluice::identity
