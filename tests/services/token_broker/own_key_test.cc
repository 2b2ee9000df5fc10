// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/own_key.h"

#include "tests/support/fake_clock.h"
#include "tests/support/fake_environment.h"
#include "tests/support/fake_log.h"
#include "tests/support/fake_timers.h"
#include "tests/support/key_answers.h"
#include "tests/support/queued_http_client.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

using absl::StatusCode;
using sluice::testing::FailsWith;
using sluice::testing::IsOk;
using sluice::testing::KeyAnswer;
using sluice::testing::QueuedHttpClient;

class OwnKeyTest : public ::testing::Test {
 protected:
  auto Open(http::Client& client, bool development) {
    Settings settings;
    settings.development = development;
    settings.credential_chain = {"uri"};
    return OpenOwnKey(settings,
                      sluice::testing::FakeEnvironment({{"ALIBABA_CLOUD_CREDENTIALS_URI", "https://keys"}}),
                      client, clock_, timers_, log_);
  }
  Time InAnHour() { return clock_.Now() + std::chrono::hours(1); }

  sluice::testing::FakeClock clock_;
  sluice::testing::FakeTimers timers_;
  sluice::testing::FakeLog log_;
};

TEST_F(OwnKeyTest, TheSandboxsKeyIsRefusedOutsideDevelopmentWhoeverGivesIt) {
  QueuedHttpClient client({KeyAnswer("SANDBOXBROKERKEYID00", InAnHour())});
  EXPECT_THAT(Open(client, false), FailsWith(StatusCode::kInvalidArgument, "CONFIG_INVALID"));
  EXPECT_THAT(Open(client, true), IsOk());
}

TEST_F(OwnKeyTest, AndWheneverTheyGiveIt) {
  QueuedHttpClient client({KeyAnswer("STS.good", InAnHour()), KeyAnswer("SANDBOXBROKERKEYID00", InAnHour())});
  const auto own = Open(client, false);
  ASSERT_THAT(own, IsOk());

  (*own)->Renew();
  timers_.Advance(std::chrono::seconds(5));
  log_.Await("own_key_failed", 1);

  EXPECT_EQ((*own)->Current()->access_key_id, "STS.good");
  EXPECT_EQ((*own)->State().source, "uri");
}

}  // namespace
}  // namespace sluice::broker
