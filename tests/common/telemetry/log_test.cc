// SPDX-License-Identifier: Apache-2.0
#include "common/telemetry/log.h"

#include "common/base/json.h"
#include "gtest/gtest.h"
#include "tests/support/fake_clock.h"

namespace sluice::telemetry {
namespace {

TEST(LogLineTest, IsOneJsonObjectInOneLineWhateverTheFieldsHold) {
  const std::string line = LogLine(sluice::testing::FakeClock().Now(), Severity::kWarning, "started",
                                   {{"path", "a\nb\"c\x01"}, {"port", 1}});

  EXPECT_EQ(line.find('\n'), std::string::npos);
  const auto object = ParseJson(line).value().as_object();
  EXPECT_EQ(JsonText(object, "time"), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(JsonText(object, "severity"), "warning");
  EXPECT_EQ(JsonText(object, "event"), "started");
  EXPECT_EQ(JsonText(object, "path"), "a\nb\"c\x01");
}

}  // namespace
}  // namespace sluice::telemetry
