// SPDX-License-Identifier: Apache-2.0
#include "services/token_broker/doctor_report.h"

#include "common/base/json.h"
#include "tests/support/status_matchers.h"

namespace sluice::broker {
namespace {

const std::vector<Finding> kFindings = {{Verdict::kGood, "key", "env", "k1, stays", ""},
                                        {Verdict::kWarning, "clock", "", "off", "set it"},
                                        {Verdict::kBad, "trust", "role\nFAKE ok", "no\x1b[2J", "mend \xff"},
                                        {Verdict::kSkipped, "canary", "photos", "no", ""}};

TEST(DoctorReportTest, IsALineForEachWhateverStandsInThem) {
  EXPECT_EQ(ReportText(kFindings),
            "ok      key        env: k1, stays\n"
            "warning clock      off; mend: set it\n"
            "failed  trust      role FAKE ok: no [2J; mend: mend ?\n"
            "skipped canary     photos: no\n"
            "4 checks: 1 ok, 1 warning, 1 failed, 1 skipped\n");
}

TEST(DoctorReportTest, JsonSaysTheSame) {
  const std::string text = ReportJson(kFindings);
  const auto json = ParseJson(text);
  ASSERT_THAT(json, sluice::testing::IsOk());
  EXPECT_FALSE(json->at("healthy").as_bool());
  EXPECT_EQ(json->at("findings").as_array().size(), 4U);
  EXPECT_EQ(json->at("findings").at(1).at("verdict").as_string(), "warning");
  EXPECT_EQ(json->at("findings").at(1).at("mend").as_string(), "set it");
  EXPECT_EQ(text.find('\n'), text.size() - 1);
}

TEST(DoctorReportTest, WarningsAndWhatWasSkippedAreNotIll) {
  EXPECT_FALSE(IsHealthy(kFindings));
  EXPECT_TRUE(IsHealthy({kFindings[0], kFindings[1], kFindings[3]}));
}

}  // namespace
}  // namespace sluice::broker
