// SPDX-License-Identifier: Apache-2.0
#include "common/http/admin_edge.h"

#include "common/base/json.h"
#include "common/http/curl_client.h"
#include "common/telemetry/metrics.h"
#include "gmock/gmock.h"
#include "tests/support/loopback.h"
#include "tests/support/scrape.h"

namespace sluice::http {
namespace {

using sluice::testing::Fetch;
using ::testing::HasSubstr;

class AdminEdgeTest : public ::testing::Test {
 protected:
  http::Response Ask(const std::string& target, const std::string& method = "GET") {
    return Fetch(*client_, {method, "http://127.0.0.1:" + std::to_string(server_->port()) + target, {}, ""})
        .value();
  }

  AdminEdge::Health health_;
  int deep_asked_ = 0;
  telemetry::Metrics metrics_;
  telemetry::Counter& counted_ = metrics_.AddCounter("sluice_test_total", "A test's.");
  AdminEdge edge_{{[this] {
                     ++deep_asked_;
                     return health_;
                   },
                   [this] { return metrics_.Text(); }}};
  std::unique_ptr<http::Server> server_ = http::StartServer({}, edge_).value();
  std::unique_ptr<http::Client> client_ = http::MakeCurlClient({});
};

TEST_F(AdminEdgeTest, HealthIsThatTheProcessAnswersWhateverElse) {
  health_.good = false;

  EXPECT_EQ(Ask("/healthz").status, 200);
  EXPECT_EQ(Ask("/healthz").body, "ok\n");
  EXPECT_EQ(deep_asked_, 0);
}

TEST_F(AdminEdgeTest, DeepHealthShowsThePartsAndItsStatusTheirSum) {
  health_.parts = {{"sts", {{"https://sts.cn-hangzhou.aliyuncs.com", "open"}}}, {"audit", "ok"}};
  for (const char* target : {"/healthz?deep", "/healthz?deep=1", "/healthz?x=y&deep"}) {
    const http::Response good = Ask(target);
    EXPECT_EQ(good.status, 200);
    EXPECT_EQ(http::FindHeader(good.headers, "content-type"), "application/json");
  }
  health_.good = false;

  const http::Response bad = Ask("/healthz?deep");

  EXPECT_EQ(bad.status, 503);
  const auto body = ParseJson(bad.body).value().as_object();
  EXPECT_FALSE(body.at("healthy").as_bool());
  EXPECT_EQ(JsonText(body, "audit"), "ok");
  EXPECT_EQ(JsonText(body.at("sts").as_object(), "https://sts.cn-hangzhou.aliyuncs.com"), "open");
}

TEST_F(AdminEdgeTest, ReadyFromListeningToDrainingAndItSaysWhichOfThem) {
  const auto state = [this] { return ParseJson(Ask("/readyz").body).value().as_object(); };
  EXPECT_EQ(Ask("/readyz").status, 503);
  EXPECT_FALSE(state().at("listening").as_bool());

  edge_.SetReady(true);
  EXPECT_EQ(Ask("/readyz").status, 200);
  EXPECT_TRUE(state().at("ready").as_bool());

  edge_.SetReady(false);
  EXPECT_EQ(Ask("/readyz").status, 503);
  EXPECT_TRUE(state().at("listening").as_bool());
  EXPECT_TRUE(state().at("draining").as_bool());
  EXPECT_EQ(Ask("/healthz").status, 200);
}

TEST_F(AdminEdgeTest, MetricsAreAScrape) {
  counted_.Add();

  const http::Response answer = Ask("/metrics");

  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(http::FindHeader(answer.headers, "content-type"), "text/plain; version=0.0.4; charset=utf-8");
  const sluice::testing::Scrape scrape(answer.body);
  EXPECT_EQ(scrape.fault(), "");
  EXPECT_EQ(scrape.Value("sluice_test_total"), 1);
}

TEST_F(AdminEdgeTest, HeadHasTheStatusAndNoBody) {
  for (const char* target : {"/", "/healthz", "/metrics", "/healthz?deep"}) {
    const http::Response answer = Ask(target, "HEAD");
    EXPECT_EQ(answer.status, 200) << target;
    EXPECT_EQ(answer.body, "") << target;
    EXPECT_NE(http::FindHeader(answer.headers, "content-length"), "0") << target;
  }
  EXPECT_EQ(Ask("/readyz", "HEAD").status, 503);
}

TEST_F(AdminEdgeTest, OtherAddressesAndVerbsAreRefusedAndTheListIsShown) {
  EXPECT_THAT(Ask("/").body, HasSubstr("/metrics"));
  for (const char* target : {"/else", "/healthz/", "//healthz", "/healthz%2f", "/%zz", "/metrics2"}) {
    EXPECT_EQ(Ask(target).status, 404) << target;
    EXPECT_THAT(Ask(target).body, HasSubstr("/readyz")) << target;
  }
  const http::Response post = Ask("/metrics", "POST");
  EXPECT_EQ(post.status, 405);
  EXPECT_EQ(http::FindHeader(post.headers, "allow"), "GET, HEAD");
}

TEST(AdminEdgeWithoutSourcesTest, HasNoMetricsAndIsHealthy) {
  AdminEdge edge;
  const auto server = http::StartServer({}, edge).value();
  const auto client = http::MakeCurlClient({});
  const auto status = [&](const std::string& target) {
    return Fetch(*client, {"GET", "http://127.0.0.1:" + std::to_string(server->port()) + target, {}, ""})
        ->status;
  };

  EXPECT_EQ(status("/metrics"), 404);
  EXPECT_EQ(status("/healthz?deep"), 200);
}

}  // namespace
}  // namespace sluice::http
