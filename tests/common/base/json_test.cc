// SPDX-License-Identifier: Apache-2.0
#include "common/base/json.h"

#include "tests/support/status_matchers.h"

namespace sluice {
namespace {

using testing::FailsWith;
using testing::IsOk;

TEST(JsonTest, RefusesDuplicateMembersAtAnyDepth) {
  EXPECT_THAT(ParseJson(R"({"a":1,"a":2})"), FailsWith(absl::StatusCode::kInvalidArgument, "JSON_INVALID"));
  EXPECT_THAT(ParseJson(R"([{"x":{"a":1,"\u0061":2}}])"),
              FailsWith(absl::StatusCode::kInvalidArgument, "JSON_INVALID"));
  EXPECT_THAT(ParseJson(R"([{"a":1},{"a":2}])"), IsOk());
}

TEST(JsonTest, RefusesHalfDocumentsTrailersAndDeepNesting) {
  for (const char* text : {"", "{", "{} {}", "[1,]", "nul", "{\"a\":\"\xff\"}"}) {
    EXPECT_THAT(ParseJson(text), FailsWith(absl::StatusCode::kInvalidArgument, "JSON_INVALID")) << text;
  }
  EXPECT_FALSE(ParseJson(std::string(100, '[') + std::string(100, ']')).ok());
}

TEST(JsonTest, TextIsEmptyForOtherTypes) {
  auto value = ParseJson(R"({"a":"x","b":1})");

  ASSERT_THAT(value, IsOk());
  EXPECT_EQ(JsonText(value->get_object(), "a"), "x");
  EXPECT_EQ(JsonText(value->get_object(), "b"), "");
  EXPECT_EQ(JsonText(value->get_object(), "c"), "");
}

}  // namespace
}  // namespace sluice
