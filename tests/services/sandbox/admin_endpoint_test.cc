// SPDX-License-Identifier: Apache-2.0
#include "services/sandbox/admin_endpoint.h"

#include "common/base/json.h"
#include "gmock/gmock.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"

namespace sluice::sandbox {
namespace {

using ::testing::HasSubstr;

class AdminEndpointTest : public ::testing::Test {
 protected:
  http::Answer Ask(const std::string& method, const std::string& target) {
    http::RequestHead head;
    head.method = method;
    head.target = target;
    http::Answer out;
    admin_.Start(std::move(head))->OnEnd([&](http::Answer answer) { out = std::move(answer); });
    return out;
  }

  sluice::testing::FakeClock real_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::FakeLog log_;
  SandboxClock clock_{real_};
  FaultScript faults_{timers_, log_};
  StsStats stats_{timers_};
  OssStats oss_;
  ObjectShelf shelf_;
  Password open_;
  AdminEndpoint admin_{clock_, faults_, stats_, oss_, shelf_, open_};
};

TEST_F(AdminEndpointTest, TheClockMovesByDurationsOnly) {
  EXPECT_EQ(Ask("POST", "/clock?advance=1h30m").body, "2026-01-01T01:30:00Z\n");
  for (const char* query :
       {"", "?advance=", "?advance=5", "?advance=-5m", "?advance=99999999h", "?advance=%zz"}) {
    EXPECT_GE(Ask("POST", std::string("/clock") + query).status, 400) << query;
  }
}

TEST_F(AdminEndpointTest, FaultsAreArmedListedAndCleared) {
  EXPECT_EQ(Ask("GET", "/faults").body, "{\"faults\":[]}\n");
  EXPECT_EQ(Ask("POST", "/faults?service=sts&kind=throttle&value=100&count=3&for=10s").body,
            R"({"faults":[{"service":"sts","kind":"throttle","value":"100","struck":0,"armed":true,)"
            R"("count":3,"for_ms":10000}]})"
            "\n");
  Ask("POST", "/faults?service=sts&kind=latency&value=20ms");
  Ask("POST", "/faults?service=metadata&kind=stall");
  EXPECT_EQ(faults_.List().size(), 3u);
  EXPECT_EQ(Ask("GET", "/faults").status, 200);
  EXPECT_EQ(Ask("DELETE", "/faults?service=sts&kind=stall").body, "{\"cleared\":0}\n");
  EXPECT_EQ(Ask("DELETE", "/faults?service=sts&kind=latency").body, "{\"cleared\":1}\n");
  EXPECT_EQ(Ask("DELETE", "/faults?kind=stall").body, "{\"cleared\":1}\n");
  EXPECT_EQ(Ask("DELETE", "/faults").body, "{\"cleared\":1}\n");
}

TEST_F(AdminEndpointTest, MistakesSayHowItIsWrittenAndChangeNothing) {
  Ask("POST", "/faults?service=sts&kind=stall");
  const http::Answer answer = Ask("POST", "/faults?service=sts&kind=latency&value=soon");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, HasSubstr("20ms"));
  EXPECT_EQ(Ask("POST", "/faults").status, 400);
  for (const char* query :
       {"?service=ram", "?kind=other", "?service=sts&service=sts", "?value=1", "?service="})
    EXPECT_EQ(Ask("DELETE", std::string("/faults") + query).status, 400) << query;
  EXPECT_EQ(faults_.List().size(), 1u);
  for (const char* target : {"/faults?%zz", "/", "/fault", ""})
    EXPECT_EQ(Ask("GET", target).status, 404) << target;
  EXPECT_EQ(Ask("PUT", "/faults").status, 404);
  EXPECT_EQ(Ask("POST", "/stats").status, 404);
  EXPECT_EQ(Ask("DELETE", "/clock").status, 404);
}

TEST_F(AdminEndpointTest, StatsAreShownAndReset) {
  stats_.Received("AssumeRole");
  stats_.Answered("AssumeRole", "OK", timers_.Now());
  const auto body = ParseJson(Ask("GET", "/stats").body).value();
  EXPECT_EQ(body.at("sts").at("sessions_issued").to_number<int>(), 1);
  EXPECT_EQ(body.at("sts").at("answered").at("AssumeRole").at("OK").to_number<int>(), 1);
  oss_.Count("part", "uploads/a/b", false, false, 7);
  oss_.Count("part", "uploads/a/c", true, false, 1);
  const auto whole = ParseJson(Ask("GET", "/stats").body).value();
  EXPECT_EQ(whole.at("oss").at("part").at("calls").to_number<int>(), 2);
  EXPECT_EQ(whole.at("objects").to_number<int>(), 0);
  EXPECT_EQ(whole.at("unfinished_uploads").to_number<int>(), 0);
  const auto one = ParseJson(Ask("GET", "/stats?key=uploads%2Fa%2Fb").body).value();
  EXPECT_EQ(one.at("oss").at("part").at("bytes_in").to_number<int>(), 7);
  Ask("DELETE", "/stats");
  EXPECT_TRUE(oss_.Read().empty());
  EXPECT_EQ(stats_.Read().sessions_issued, 0u);
}

}  // namespace
}  // namespace sluice::sandbox
