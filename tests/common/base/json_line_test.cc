// SPDX-License-Identifier: Apache-2.0
#include "common/base/json_line.h"

#include "boost/json.hpp"
#include "gtest/gtest.h"

namespace sluice {
namespace {

TEST(JsonLineTest, AddsTextsInOrder) {
  EXPECT_EQ(JsonLine().Take(), "{}");
  JsonLine line;
  line.Add("a", "1");
  line.Add("b", "");
  EXPECT_EQ(std::move(line).Take(), R"({"a":"1","b":""})");
}

TEST(JsonLineTest, AnyBytesStayOneLineAndComeBackAsTheyWere) {
  std::string every;
  for (int c = 0; c < 128; ++c) every += static_cast<char>(c);
  every += "\u00e4\u6f22";
  JsonLine line;
  line.Add("x", every);
  line.Add("y", "\",\"admin\":\"true");

  const std::string text = std::move(line).Take();

  EXPECT_EQ(text.find('\n'), std::string::npos);
  const auto parsed = boost::json::parse(text).as_object();
  EXPECT_EQ(parsed.size(), 2u);
  EXPECT_EQ(std::string(parsed.at("x").as_string()), every);
  EXPECT_EQ(parsed.at("y").as_string(), "\",\"admin\":\"true");
}

}  // namespace
}  // namespace sluice
