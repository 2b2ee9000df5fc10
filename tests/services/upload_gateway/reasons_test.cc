// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/reasons/upload_gateway.h"
#include "gtest/gtest.h"

namespace sluice::gateway {
namespace {

std::string Read(const std::string& path) {
  std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ReasonsTest, EachIsInTheProtosCommentsAndTheReadmesTable) {
  const std::string proto = Read("proto/sluice/upload/v1/upload_gateway.proto");
  const std::string readme = Read("services/upload_gateway/README.md");
  for (const reasons::Entry& entry : reasons::kUploadGateway) {
    const std::string reason(entry.reason);
    EXPECT_NE(proto.find("`" + reason + "`"), std::string::npos) << reason;
    const std::string row = "| `" + reason + "` | `" + absl::StatusCodeToString(entry.code) + "` | " +
                            (entry.retryable ? "yes" : "no") + " | " + std::string(entry.mend) + " |";
    EXPECT_NE(readme.find(row), std::string::npos) << row;
  }
}

TEST(ReasonsTest, TheProtoNamesNoOther) {
  std::set<std::string> known;
  for (const reasons::Entry& entry : reasons::kUploadGateway) known.emplace(entry.reason);
  const std::string proto = Read("proto/sluice/upload/v1/upload_gateway.proto");
  const std::set<std::string> codes = {"INVALID_ARGUMENT",   "PERMISSION_DENIED", "FAILED_PRECONDITION",
                                       "RESOURCE_EXHAUSTED", "NOT_FOUND",         "OUT_OF_RANGE",
                                       "DATA_LOSS",          "ALREADY_EXISTS"};
  const std::regex word("`([A-Z]+(_[A-Z]+)+)`");
  for (std::sregex_iterator at(proto.begin(), proto.end(), word), end; at != end; ++at) {
    const std::string reason = (*at)[1];
    EXPECT_TRUE(known.contains(reason) || codes.contains(reason)) << reason;
  }
}

}  // namespace
}  // namespace sluice::gateway
