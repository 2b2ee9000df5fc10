// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/iso_time.h"
#include "common/base/json.h"
#include "gtest/gtest.h"

namespace sluice::testing {

// The published vectors of tests/vectors/FILE that have this kind; a test must see at least one.
inline boost::json::array Vectors(const std::string& file, std::string_view kind) {
  std::ifstream in(std::string(SLUICE_SOURCE_DIR) + "/tests/vectors/" + file);
  auto all = ParseJson(std::string(std::istreambuf_iterator<char>(in), {}));
  boost::json::array out;
  if (all.ok()) {
    for (const auto& item : all->as_array()) {
      if (JsonText(item.as_object(), "kind") == kind) out.push_back(item);
    }
  }
  EXPECT_FALSE(out.empty()) << "no " << kind << " in " << file;
  return out;
}

inline std::string Text(const boost::json::value& vector, std::string_view member) {
  return std::string(JsonText(vector.as_object(), member));
}

inline std::string Expected(const boost::json::value& vector, std::string_view member) {
  return std::string(JsonText(vector.at("expected").as_object(), member));
}

}  // namespace sluice::testing
