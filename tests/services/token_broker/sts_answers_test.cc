// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iterator>
#include <string>

#include "common/aliyun/sts_error.h"
#include "common/base/status.h"
#include "common/reasons/token_broker.h"
#include "gtest/gtest.h"
#include "services/token_broker/retrying_sts.h"

namespace sluice::broker {
namespace {

std::string Section() {
  std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/services/token_broker/README.md");
  const std::string readme{std::istreambuf_iterator<char>(in), {}};
  const size_t begin = readme.find("## What STS says and what becomes of it");
  if (begin == std::string::npos) return "";
  return readme.substr(begin, readme.find("\n## ", begin + 1) - begin);
}

TEST(StsAnswersTest, TheReadmeHasTheCodesTableAndNoOtherRow) {
  const std::string section = Section();
  std::string rows = "| STS says | reason | retried | mend |\n| --- | --- | --- | --- |\n";
  for (const aliyun::StsMeaning& meaning : aliyun::kStsMeanings) {
    const absl::Status error = Fail(meaning.status, meaning.reason, "x");
    rows += "| `" + std::string(meaning.code) + "` | `" + std::string(meaning.reason) + "` | " +
            (IsRetried(error)  ? "yes"
             : meaning.own_key ? "a session: yes"
                               : "no") +
            " | " + std::string(meaning.mend) + " |\n";
  }
  EXPECT_NE(section.find(rows + "\n"), std::string::npos) << "it should be:\n" << rows;
}

TEST(StsAnswersTest, EachReasonIsOneOfOursWithItsCode) {
  for (const aliyun::StsMeaning& meaning : aliyun::kStsMeanings) {
    const reasons::Entry* found = nullptr;
    for (const reasons::Entry& entry : reasons::kTokenBroker)
      if (entry.reason == meaning.reason) found = &entry;
    ASSERT_NE(found, nullptr) << meaning.reason;
    EXPECT_EQ(found->code, meaning.status) << meaning.code;
    EXPECT_EQ(found->retryable, IsRetried(Fail(meaning.status, meaning.reason, "x"))) << meaning.code;
  }
}

TEST(StsAnswersTest, NoRowHidesALaterOne) {
  for (const aliyun::StsMeaning& meaning : aliyun::kStsMeanings) {
    std::string code(meaning.code);
    if (code.ends_with('*')) code.back() = 'X';
    const absl::Status error = aliyun::StsError({400, {}, R"({"Code":")" + code + "\"}"});
    EXPECT_EQ(Reason(error), meaning.reason) << code;
    EXPECT_NE(error.message().find(std::string(meaning.mend)), std::string::npos) << code;
    EXPECT_EQ(aliyun::IsOwnKeyRefused(error), meaning.own_key) << code;
  }
}

}  // namespace
}  // namespace sluice::broker
