// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "common/reasons/entry.h"

namespace sluice::testing {

// A file of the repository.
inline std::string ReadPage(const std::string& path) {
  std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// That each reason stands in the comments of a proto and as a row of a README's table.
inline void ExpectReasonsOnPages(std::span<const reasons::Entry> entries, const std::string& proto_file,
                                 const std::string& readme_file) {
  const std::string proto = ReadPage(proto_file);
  const std::string readme = ReadPage(readme_file);
  for (const reasons::Entry& entry : entries) {
    const std::string reason(entry.reason);
    EXPECT_NE(proto.find("`" + reason + "`"), std::string::npos) << reason;
    const std::string row = "| `" + reason + "` | `" + absl::StatusCodeToString(entry.code) + "` | " +
                            (entry.retryable ? "yes" : "no") + " | " + std::string(entry.mend) + " |";
    EXPECT_NE(readme.find(row), std::string::npos) << row;
  }
}

// That whatever looks like a reason in the comments of a proto is one, or a status code.
inline void ExpectNoOtherReasons(std::span<const reasons::Entry> entries, const std::string& proto_file) {
  std::set<std::string> known;
  for (const reasons::Entry& entry : entries) known.emplace(entry.reason);
  for (int code = 0; code <= 16; ++code)
    known.insert(absl::StatusCodeToString(static_cast<absl::StatusCode>(code)));
  const std::string proto = ReadPage(proto_file);
  // Two words or more in capitals.
  const std::regex word("`([A-Z]+(_[A-Z]+)+)`");
  for (std::sregex_iterator at(proto.begin(), proto.end(), word), end; at != end; ++at)
    EXPECT_TRUE(known.contains((*at)[1])) << (*at)[1];
}

}  // namespace sluice::testing
